-- Move delayed messages that are due to their lists; one whose list is none is set aside.
-- KEYS  1 delayed  2 messages  3 counts  4 ids  5 dead  6 letters  7 dead counts
-- ARGV  1 limit  2 most dead letters  3 ms that they live
-- Returns number moved, ms to the next due
-- include: clock
-- include: due
-- include: counts
-- include: let_go
-- include: lists
-- include: bury
-- include: deliver

local letters = {KEYS[5], KEYS[6], KEYS[7]}
local due = redis.call('ZRANGE', KEYS[1], '-inf', now_ms(), 'BYSCORE', 'LIMIT', 0, ARGV[1])
for _, id in ipairs(due) do
  local list, raw = let_go(1, id)
  deliver(letters, 'LPUSH', list, id, raw, tonumber(ARGV[2]), tonumber(ARGV[3]))
end
return {#due, next_due(KEYS[1])}
