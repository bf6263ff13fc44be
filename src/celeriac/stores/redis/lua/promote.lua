-- Move delayed messages that are due to their lists.
-- KEYS  1 delayed  2 messages  3 counts  4 ids
-- ARGV  1 limit
-- Returns number moved, ms to the next due
-- include: delayed
-- include: lists

local due = redis.call('ZRANGE', KEYS[1], '-inf', now_ms(), 'BYSCORE', 'LIMIT', 0, ARGV[1])
for _, id in ipairs(due) do
  local list, raw = let_go(1, id)
  redis.call('LPUSH', list, raw)
  call_for(list)
end
return {#due, next_due(KEYS[1])}
