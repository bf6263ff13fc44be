-- Give claims back to the front of their lists, or among the delayed. The first one named is served first.
-- KEYS  1 leases  2 claims  3 delayed  4 messages  5 counts  6 ids
-- ARGV  1 worker  2 epoch, then for each claim: claim id, replacement ('' = as it was), due ms ('' = now), delayed id
-- Returns {lost claim ids}
-- include: delayed

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return redis.error_reply('LEASELOST the lease is not open')
end
local lost = {}
for i = #ARGV - 3, 3, -4 do
  local value = redis.call('HGET', KEYS[2], ARGV[i])
  if value then
    redis.call('HDEL', KEYS[2], ARGV[i])
    local list, raw = string.match(value, '^([^\n]*)\n[^\n]*\n(.*)$')
    if ARGV[i + 1] ~= '' then raw = ARGV[i + 1] end
    if ARGV[i + 2] ~= '' then
      hold_back(3, list, ARGV[i + 2], ARGV[i + 3], raw)
    else
      redis.call('RPUSH', list, raw)
    end
  else
    table.insert(lost, 1, ARGV[i])
  end
end
return lost
