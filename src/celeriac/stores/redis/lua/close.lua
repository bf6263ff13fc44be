-- End a lease in order; what it still holds goes to the front of its lists.
-- KEYS  1 leases  2 heartbeats  3 workers  4 queues  5 sessions  6 claims  7 told  8 dead  9 letters  10 dead counts
--       11 started
-- ARGV  1 worker  2 epoch  3 most dead letters  4 ms that they live
-- include: clock
-- include: counts
-- include: fields
-- include: ended
-- include: lists
-- include: bury
-- include: deliver

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return redis.error_reply('LEASELOST the lease is not open')
end
local letters = {KEYS[8], KEYS[9], KEYS[10]}
give_back(letters, redis.call('HGETALL', KEYS[6]), tonumber(ARGV[3]), tonumber(ARGV[4]))
forget_worker(KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[7], ARGV[1])
redis.call('DEL', KEYS[6], KEYS[11])
return 1
