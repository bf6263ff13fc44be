-- Before claims begin: write their documents, mark those that may run only once.
-- KEYS  1 leases  2 claims
-- ARGV  1 worker  2 epoch  3 results db ('' = this one)  4 this db  5 seconds that results live
--       then for each claim: claim id, result key ('' = none), document, '1' to mark it
-- Returns {lost claim ids}
-- Hot path of tasks that may run only once: one call reads all claims, and one marks them.
-- include: documents

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return redis.error_reply('LEASELOST the lease is not open')
end
local lost, marks, unmarked, results = {}, {}, {}, {}
for from = 6, #ARGV, 4000 do
  local ids = {}
  for i = from, math.min(from + 3996, #ARGV), 4 do ids[#ids + 1] = ARGV[i] end
  for n, value in ipairs(redis.call('HMGET', KEYS[2], unpack(ids))) do
    local i = from + 4 * (n - 1)
    if not value then
      lost[#lost + 1] = ARGV[i]
    else
      local flags_end = ARGV[i + 3] == '1' and string.match(value, '^[^\n]*\n%d*()\n')
      if flags_end then
        marks[#marks + 1] = ARGV[i]
        marks[#marks + 1] = string.sub(value, 1, flags_end - 1) .. 's' .. string.sub(value, flags_end)
        unmarked[#unmarked + 1], unmarked[#unmarked + 2] = ARGV[i], value
      end
      if ARGV[i + 1] ~= '' then results[#results + 1], results[#results + 2] = ARGV[i + 1], ARGV[i + 2] end
    end
  end
end
for from = 1, #marks, 1000 do
  local till = math.min(from + 999, #marks)
  redis.call('HSET', KEYS[2], unpack(marks, from, till))
  back({'HSET', KEYS[2], unpack(unmarked, from, till)})
end
write_documents(results, ARGV[3], ARGV[4], ARGV[5])
return lost
