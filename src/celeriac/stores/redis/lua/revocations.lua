-- What was revoked since a revision.
-- KEYS  1 sessions  2 revocations  3 ends  4 entries
-- ARGV  1 revision
-- Returns revision, {task, ms left, entry, ... the oldest first}
-- include: clock

local now, found = now_ms(), {}
for _, task in ipairs(redis.call('ZRANGE', KEYS[2], '(' .. ARGV[1], '+inf', 'BYSCORE')) do
  local left = redis.call('ZSCORE', KEYS[3], task) - now
  if left > 0 then
    found[#found + 1], found[#found + 2] = task, left
    found[#found + 1] = redis.call('HGET', KEYS[4], task)
  end
end
return {tonumber(redis.call('HGET', KEYS[1], '') or 0), found}
