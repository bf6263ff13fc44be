-- Included where something is counted in a hash; a count of nothing is no field.

local function count(hash, field, by)
  local new = redis.call('HINCRBY', hash, field, by)
  back(new == by and {'HDEL', hash, field} or {'HINCRBY', hash, field, -by})
  if new <= 0 then redis.call('HDEL', hash, field) end
end
