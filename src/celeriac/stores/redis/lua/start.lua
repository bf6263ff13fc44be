-- Before claims begin: write their documents, mark those that may run only once.
-- KEYS  1 leases  2 claims
-- ARGV  1 worker  2 epoch  3 results db ('' = this one)  4 this db  5 seconds that results live
--       then for each claim: claim id, result key ('' = none), document, '1' to mark it
-- Returns {lost claim ids}
-- Hot path of tasks that may run only once: one call reads all claims, and one marks them.

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return redis.error_reply('LEASELOST the lease is not open')
end
local lost, marks, documents = {}, {}, {}
for from = 6, #ARGV, 4000 do
  local ids = {}
  for i = from, math.min(from + 3996, #ARGV), 4 do ids[#ids + 1] = ARGV[i] end
  for n, value in ipairs(redis.call('HMGET', KEYS[2], unpack(ids))) do
    local i = from + 4 * (n - 1)
    if not value then
      lost[#lost + 1] = ARGV[i]
    else
      if ARGV[i + 3] == '1' then
        local unmarked = string.match(value, '^[^\n]*\n%d*()\n')
        if unmarked then
          value = string.sub(value, 1, unmarked - 1) .. 's' .. string.sub(value, unmarked)
          marks[#marks + 1], marks[#marks + 2] = ARGV[i], value
        end
      end
      if ARGV[i + 1] ~= '' then documents[#documents + 1] = i + 1 end
    end
  end
end
for from = 1, #marks, 1000 do
  redis.call('HSET', KEYS[2], unpack(marks, from, math.min(from + 999, #marks)))
end
if #documents > 0 then
  if ARGV[3] ~= '' then redis.call('SELECT', ARGV[3]) end
  for _, d in ipairs(documents) do
    redis.call('SET', ARGV[d], ARGV[d + 1], 'EX', ARGV[5])
    redis.call('PUBLISH', ARGV[d], ARGV[d + 1])
  end
  if ARGV[3] ~= '' then redis.call('SELECT', ARGV[4]) end
end
return lost
