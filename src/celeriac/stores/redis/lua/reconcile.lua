-- Compare what a worker holds with what it believes to hold.
-- KEYS  1 leases  2 claims  3 started
-- ARGV  1 worker  2 epoch, then the claim ids known to it
-- Returns {claim id, value, ... it does not know}, {ids it knows and does not hold}
-- include: marks

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return redis.error_reply('LEASELOST the lease is not open')
end
local known, missing, unknown = {}, {}, {}
for i = 3, #ARGV do
  known[ARGV[i]] = true
  if redis.call('HEXISTS', KEYS[2], ARGV[i]) == 0 then missing[#missing + 1] = ARGV[i] end
end
for _, id in ipairs(redis.call('HKEYS', KEYS[2])) do
  if not known[id] then
    unknown[#unknown + 1], unknown[#unknown + 2] = id, with_mark(KEYS[3], id, redis.call('HGET', KEYS[2], id))
  end
end
return {unknown, missing}
