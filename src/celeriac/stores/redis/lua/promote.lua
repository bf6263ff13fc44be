-- Move delayed messages that are due to their lists.
-- KEYS  1 delayed  2 messages  3 counts
-- ARGV  1 limit
-- Returns number moved, ms to the next due
-- include: delayed

local due = redis.call('ZRANGE', KEYS[1], '-inf', now_ms(), 'BYSCORE', 'LIMIT', 0, ARGV[1])
for _, id in ipairs(due) do
  local list, raw = string.match(redis.call('HGET', KEYS[2], id), '^([^\n]*)\n(.*)$')
  redis.call('LPUSH', list, raw)
  redis.call('HDEL', KEYS[2], id)
  redis.call('ZREM', KEYS[1], id)
  if redis.call('HINCRBY', KEYS[3], list, -1) <= 0 then redis.call('HDEL', KEYS[3], list) end
end
return {#due, next_due(KEYS[1])}
