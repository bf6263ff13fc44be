-- Begin a lease. An older lease of the same name ends, and its claims go back.
-- KEYS  1 leases  2 beats  3 workers  4 queues  5 floors  6 claims  7 told
-- ARGV  1 worker  2 epoch  3 record (JSON), then the queues served
-- include: lists

if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then return 0 end
local held = redis.call('HGETALL', KEYS[6])
for i = 1, #held, 2 do
  local list, raw = string.match(held[i + 1], '^([^\n]*)\n[^\n]*\n(.*)$')
  redis.call('RPUSH', list, raw)
  call_for(list)
end
redis.call('DEL', KEYS[6])
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  for i = 4, #ARGV do redis.call('HINCRBY', KEYS[4], 'served:' .. ARGV[i], 1) end
end
redis.call('HDEL', KEYS[5], ARGV[1])
redis.call('HDEL', KEYS[7], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[1], 0)
redis.call('HSET', KEYS[3], ARGV[1], ARGV[3])
redis.call('PUBLISH', 'celeriac:wake', 'news')
return 1
