-- Included in front of scripts that change dead letters.
-- `at` are the names of three keys: dead (ZSET id -> number, the ms at which it came, made unique),
-- letters (HASH id -> queue \n what is known of it \n raw), counts (HASH queue -> how many, and '' -> the last number).

-- Delete a letter; its queue, or nil when it is not there.
local function forget_letter(at, id)
  local value = redis.call('HGET', at[2], id)
  redis.call('ZREM', at[1], id)
  if not value then return nil end
  redis.call('HDEL', at[2], id)
  local queue = string.match(value, '^([^\n]*)\n')
  if redis.call('HINCRBY', at[3], queue, -1) <= 0 then redis.call('HDEL', at[3], queue) end
  return queue
end

-- Keep a letter under its id, or where that is taken under another, and let the oldest fall out.
local function bury(at, id, queue, known, raw, now, limit, ms)
  local name, copy = id, 1
  while redis.call('HSETNX', at[2], name, queue .. '\n' .. known .. '\n' .. raw) == 0 do
    copy = copy + 1
    name = id .. '#' .. copy
  end
  local number = math.max(now, (redis.call('HGET', at[3], '') or 0) + 1)
  redis.call('HSET', at[3], '', number)
  redis.call('ZADD', at[1], number, name)
  redis.call('HINCRBY', at[3], queue, 1)
  local over = redis.call('ZCARD', at[1]) - limit
  if over > 0 then
    for _, old in ipairs(redis.call('ZRANGE', at[1], 0, over - 1)) do forget_letter(at, old) end
  end
  for _, old in ipairs(redis.call('ZRANGE', at[1], '-inf', now - ms, 'BYSCORE', 'LIMIT', 0, 1000)) do
    forget_letter(at, old)
  end
end
