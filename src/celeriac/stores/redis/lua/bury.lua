-- Included in front of scripts that change dead letters; after `counts`.
-- `at` are the names of three keys: dead (ZSET id -> number, the ms at which it came, made unique),
-- letters (HASH id -> queue \n what is known of it \n raw), counts (HASH queue -> how many, and '' -> the last number).

-- Delete a letter; its queue, or nil when it is not there.
local function forget_letter(at, id)
  local value, number = redis.call('HGET', at[2], id), redis.call('ZSCORE', at[1], id)
  if number then
    redis.call('ZREM', at[1], id)
    back({'ZINCRBY', at[1], number, id})
  end
  if not value then return nil end
  redis.call('HDEL', at[2], id)
  back({'HMSET', at[2], id, value})
  local queue = string.match(value, '^([^\n]*)\n')
  count(at[3], queue, -1)
  return queue
end

-- Keep a letter under its id, or where that is taken under another, and let the oldest fall out.
local function bury(at, id, queue, known, raw, now, limit, ms)
  local name, copy = id, 1
  while redis.call('HSETNX', at[2], name, queue .. '\n' .. known .. '\n' .. raw) == 0 do
    copy = copy + 1
    name = id .. '#' .. copy
  end
  back({'HDEL', at[2], name})
  local last = redis.call('HGET', at[3], '')
  local number = math.max(now, (last or 0) + 1)
  redis.call('HSET', at[3], '', number)
  back(last and {'HSET', at[3], '', last} or {'HDEL', at[3], ''})
  redis.call('ZADD', at[1], number, name)
  back({'ZREMRANGEBYSCORE', at[1], number, number})
  count(at[3], queue, 1)
  local over = redis.call('ZCARD', at[1]) - limit
  if over > 0 then
    for _, old in ipairs(redis.call('ZRANGE', at[1], 0, over - 1)) do forget_letter(at, old) end
  end
  for _, old in ipairs(redis.call('ZRANGE', at[1], '-inf', now - ms, 'BYSCORE', 'LIMIT', 0, 1000)) do
    forget_letter(at, old)
  end
end
