-- Before claims begin: write their documents, mark those that may run only once.
-- KEYS  1 leases  2 claims
-- ARGV  1 worker  2 epoch  3 results db ('' = this one)  4 this db  5 seconds that results live
--       then for each claim: claim id, result key ('' = none), document, '1' to mark it
-- Returns {lost claim ids}
-- include: documents

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return redis.error_reply('LEASELOST the lease is not open')
end
local lost, results = {}, {}
for i = 6, #ARGV, 4 do
  local value = redis.call('HGET', KEYS[2], ARGV[i])
  if value then
    if ARGV[i + 3] == '1' then
      local list, since, raw = string.match(value, '^([^\n]*)\n(%d*)s?\n(.*)$')
      redis.call('HSET', KEYS[2], ARGV[i], list .. '\n' .. since .. 's\n' .. raw)
      back({'HSET', KEYS[2], ARGV[i], value})
    end
    if ARGV[i + 1] ~= '' then results[#results + 1], results[#results + 2] = ARGV[i + 1], ARGV[i + 2] end
  else
    lost[#lost + 1] = ARGV[i]
  end
end
write_documents(results, ARGV[3], ARGV[4], ARGV[5])
return lost
