-- Included where something is counted in a hash. A count of nothing goes, unless that is refused: it does no harm.

local function count(hash, field, by)
  local new = redis.call('HINCRBY', hash, field, by)
  back(new == by and {'HDEL', hash, field} or {'HINCRBY', hash, field, -by})
  if new <= 0 then redis.pcall('HDEL', hash, field) end
end
