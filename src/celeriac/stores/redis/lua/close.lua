-- End a lease in order; what it still holds goes to the front of its lists.
-- KEYS  1 leases  2 beats  3 workers  4 queues  5 floors  6 claims  7 told
-- ARGV  1 worker  2 epoch
-- include: ended
-- include: lists

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return redis.error_reply('LEASELOST the lease is not open')
end
local held = redis.call('HGETALL', KEYS[6])
local order = {}
for i = 1, #held, 2 do
  order[#order + 1] = {tonumber(string.match(held[i], ':(%d+)$')), held[i + 1]}
end
table.sort(order, function(a, b) return a[1] > b[1] end)
for _, entry in ipairs(order) do
  local list, raw = string.match(entry[2], '^([^\n]*)\n[^\n]*\n(.*)$')
  redis.call('RPUSH', list, raw)
  call_for(list)
end
redis.call('DEL', KEYS[6])
forget_worker(KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[7], ARGV[1])
return 1
