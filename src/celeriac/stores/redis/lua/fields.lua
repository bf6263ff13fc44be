-- Included where fields of hashes are replaced or dropped, other than on hot paths: each is read before.

local function set_field(hash, field, value)
  local before = redis.call('HGET', hash, field)
  redis.call('HSET', hash, field, value)
  back(before and {'HSET', hash, field, before} or {'HDEL', hash, field})
end

-- Drop a field; its value, or false when there was none.
local function drop_field(hash, field)
  local before = redis.call('HGET', hash, field)
  if before then
    redis.call('HDEL', hash, field)
    back({'HMSET', hash, field, before})
  end
  return before
end
