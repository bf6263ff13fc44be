-- Drop messages that are ready.
-- KEYS  where they lie, in the order in which they are served
-- ARGV  1 the most to drop
-- Returns how many that were

local left = tonumber(ARGV[1])
for _, key in ipairs(KEYS) do
  local count = math.min(left, redis.call('LLEN', key))
  if count > 0 then redis.call('LTRIM', key, 0, -1 - count) end
  left = left - count
end
return ARGV[1] - left
