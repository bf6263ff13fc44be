-- Included in front of scripts that hold messages back or tell when the next one is due.
-- Needs KEYS: delayed (ZSET id -> due ms), messages (HASH id -> list \n raw), counts (HASH list -> number).

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Hold a message back until `due`. Ids of different messages may be the same word: none may replace another.
local function hold_back(delayed, messages, counts, list, due, id, raw)
  local member, copy = id, 1
  while redis.call('HSETNX', messages, member, list .. '\n' .. raw) == 0 do
    copy = copy + 1
    member = id .. '#' .. copy
  end
  redis.call('ZADD', delayed, due, member)
  redis.call('HINCRBY', counts, list, 1)
  if redis.call('ZRANGE', delayed, 0, 0)[1] == member then
    redis.call('PUBLISH', 'celeriac:wake', due)
  end
end

-- Milliseconds until the earliest delayed message is due, or -1.
local function next_due(delayed)
  local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
  if #first == 0 then return -1 end
  return math.max(0, first[2] - now_ms())
end
