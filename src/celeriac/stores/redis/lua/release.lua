-- Give claims back to the front of their lists, or among the delayed. The first one named is served first.
-- KEYS  1 leases  2 claims  3 delayed  4 messages  5 counts  6 ids  7 dead  8 letters  9 dead counts  10 started
-- ARGV  1 worker  2 epoch  3 most dead letters  4 ms that they live
--       then for each claim: claim id, replacement ('' = as it was), due ms ('' = now), delayed id
-- Returns {lost claim ids}
-- include: clock
-- include: counts
-- include: delayed
-- include: lists
-- include: bury
-- include: deliver

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return redis.error_reply('LEASELOST the lease is not open')
end
local lost, front = {}, {}
for i = 5, #ARGV, 4 do
  local value = redis.call('HGET', KEYS[2], ARGV[i])
  if value then
    redis.call('HDEL', KEYS[2], ARGV[i])
    back({'HMSET', KEYS[2], ARGV[i], value})
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
local letters = {KEYS[7], KEYS[8], KEYS[9]}
for i = #front, 1, -1 do
  deliver(letters, 'RPUSH', front[i][1], nil, front[i][2], tonumber(ARGV[3]), tonumber(ARGV[4]))
end
-- The mark of a claim says nothing without it.
if redis.pcall('EXISTS', KEYS[10]) == 1 then
  for i = 5, #ARGV, 4 do redis.pcall('SREM', KEYS[10], ARGV[i]) end
end
return lost
