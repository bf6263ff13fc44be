-- Included in front of scripts that hold messages back or tell when the next one is due.
-- Needs four KEYS from `at` on: delayed (ZSET id -> due ms), messages (HASH id -> list \n raw),
-- counts (HASH list -> number), ids (ZSET of the ids in their order, all of score 0).

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Hold a message back until `due`. Ids of different messages may be the same word: none may replace another.
local function hold_back(at, list, due, id, raw)
  local member, copy = id, 1
  while redis.call('HSETNX', KEYS[at + 1], member, list .. '\n' .. raw) == 0 do
    copy = copy + 1
    member = id .. '#' .. copy
  end
  back({'HDEL', KEYS[at + 1], member})
  redis.call('ZADD', KEYS[at], due, member)
  back({'ZREM', KEYS[at], member})
  count(KEYS[at + 2], list, 1)
  redis.call('ZADD', KEYS[at + 3], 0, member)
  back({'ZREM', KEYS[at + 3], member})
  if redis.call('ZRANGE', KEYS[at], 0, 0)[1] == member then hint('celeriac:wake', due) end
end

-- Take a delayed message out; its list, the message and when it was due, or nil when it is not there.
local function let_go(at, id)
  local value, due = redis.call('HGET', KEYS[at + 1], id), redis.call('ZSCORE', KEYS[at], id)
  if not value then return nil end
  local list, raw = string.match(value, '^([^\n]*)\n(.*)$')
  redis.call('HDEL', KEYS[at + 1], id)
  back({'HMSET', KEYS[at + 1], id, value})
  redis.call('ZREM', KEYS[at], id)
  back({'ZADD', KEYS[at], due, id})
  redis.call('ZREM', KEYS[at + 3], id)
  back({'ZADD', KEYS[at + 3], 0, id})
  count(KEYS[at + 2], list, -1)
  return list, raw, due
end

-- Milliseconds until the earliest delayed message is due, or -1.
local function next_due(delayed)
  local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
  if #first == 0 then return -1 end
  return math.max(0, first[2] - now_ms())
end
