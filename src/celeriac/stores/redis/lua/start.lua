-- Before claims begin: write their documents, mark those that may run only once.
-- KEYS  1 leases  2 claims  3 started (SET of the claim ids that are marked)
-- ARGV  1 worker  2 epoch  3 results db ('' = this one)  4 this db  5 seconds that results live
--       6 number of claims that are only marked, then their ids, then for each other claim: claim id,
--       result key ('' = none), document, '1' to mark it
-- Returns {lost claim ids}
-- Hot path of tasks that may run only once: no message is read or written, and one call marks them all.
-- include: documents

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return redis.error_reply('LEASELOST the lease is not open')
end
local lost, marks, results = {}, {}, {}
local last = 6 + ARGV[6]
for i = 7, last do
  local id = ARGV[i]
  if redis.call('HEXISTS', KEYS[2], id) == 1 then marks[#marks + 1] = id else lost[#lost + 1] = id end
end
for i = last + 1, #ARGV, 4 do
  if redis.call('HEXISTS', KEYS[2], ARGV[i]) == 0 then
    lost[#lost + 1] = ARGV[i]
  else
    if ARGV[i + 3] == '1' then marks[#marks + 1] = ARGV[i] end
    if ARGV[i + 1] ~= '' then results[#results + 1], results[#results + 2] = ARGV[i + 1], ARGV[i + 2] end
  end
end
write_documents(results, ARGV[3], ARGV[4], ARGV[5])
for from = 1, #marks, 1000 do
  local till = math.min(from + 999, #marks)
  -- Only before another call it matters which of them are new.
  if till < #marks then
    local fresh = {}
    for n, there in ipairs(redis.call('SMISMEMBER', KEYS[3], unpack(marks, from, till))) do
      if there == 0 then fresh[#fresh + 1] = marks[from + n - 1] end
    end
    if #fresh > 0 then back({'SREM', KEYS[3], unpack(fresh)}) end
  end
  redis.call('SADD', KEYS[3], unpack(marks, from, till))
end
return lost
