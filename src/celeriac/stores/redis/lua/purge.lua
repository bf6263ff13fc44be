-- Drop messages that are ready.
-- KEYS  where they lie, in the order in which they are served
-- ARGV  1 the most to drop
-- Returns how many that were; a key that is no list has none
-- include: lengths

-- Each is looked at before the first is cut. When the server refuses a later cut, that many were dropped until then.
local left, cuts = tonumber(ARGV[1]), {}
for _, key in ipairs(KEYS) do
  local count = math.min(left, length_of(key))
  if count > 0 then cuts[#cuts + 1] = {key, count} end
  left = left - count
end
local dropped = 0
for _, cut in ipairs(cuts) do
  local reply = redis.pcall('LTRIM', cut[1], 0, -1 - cut[2])
  if reply.err then
    if dropped == 0 then error(reply) end
    break
  end
  dropped = dropped + cut[2]
end
return dropped
