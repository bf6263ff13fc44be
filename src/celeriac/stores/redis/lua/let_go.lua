-- Included where delayed messages come out; after `counts`, with the KEYS of `delayed`.

-- Take a delayed message out; its list and the message, or nil when it is not there.
local function let_go(at, id)
  local value, due = redis.call('HGET', KEYS[at + 1], id), redis.call('ZSCORE', KEYS[at], id)
  if not value then return nil end
  local list, raw = string.match(value, '^([^\n]*)\n(.*)$')
  redis.call('HDEL', KEYS[at + 1], id)
  back({'HMSET', KEYS[at + 1], id, value})
  redis.call('ZREM', KEYS[at], id)
  back({'ZINCRBY', KEYS[at], due, id})
  redis.call('ZREM', KEYS[at + 3], id)
  back({'ZINCRBY', KEYS[at + 3], 0, id})
  count(KEYS[at + 2], list, -1)
  return list, raw
end
