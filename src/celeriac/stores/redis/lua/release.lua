-- Give claims back to the front of their lists, or among the delayed. The first one named is served first.
-- KEYS  1 leases  2 claims  3 delayed  4 messages  5 counts  6 ids
-- ARGV  1 worker  2 epoch, then for each claim: claim id, replacement ('' = as it was), due ms ('' = now), delayed id
-- Returns {lost claim ids}
-- include: delayed
-- include: lists

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return redis.error_reply('LEASELOST the lease is not open')
end
local lost, front = {}, {}
for i = 3, #ARGV, 4 do
  local value = redis.call('HGET', KEYS[2], ARGV[i])
  if value then
    redis.call('HDEL', KEYS[2], ARGV[i])
    local list, raw = string.match(value, '^([^\n]*)\n[^\n]*\n(.*)$')
    if ARGV[i + 1] ~= '' then raw = ARGV[i + 1] end
    if ARGV[i + 2] ~= '' then
      hold_back(3, list, ARGV[i + 2], ARGV[i + 3], raw)
    else
      front[#front + 1] = {list, raw}
    end
  else
    lost[#lost + 1] = ARGV[i]
  end
end
for i = #front, 1, -1 do
  redis.call('RPUSH', front[i][1], front[i][2])
  call_for(front[i][1])
end
return lost
