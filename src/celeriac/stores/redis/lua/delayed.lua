-- Included in front of scripts that hold messages back; after `counts`.
-- Needs four KEYS from `at` on: delayed (ZSET id -> due ms), messages (HASH id -> list \n raw),
-- counts (HASH list -> number), ids (ZSET of the ids in their order, all of score 0).

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
  if redis.call('ZRANGE', KEYS[at], 0, 0)[1] == member then
    hints[#hints + 1], hints[#hints + 2] = 'celeriac:wake', due
  end
end
