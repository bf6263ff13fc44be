-- Begin a lease. An older lease of the same name ends, and its claims go back.
-- KEYS  1 leases  2 heartbeats  3 workers  4 queues  5 sessions  6 claims  7 told  8 dead  9 letters  10 dead counts
--       11 started
-- ARGV  1 worker  2 epoch  3 record (JSON)  4 most dead letters  5 ms that they live, then the queues served
-- include: clock
-- include: counts
-- include: fields
-- include: lists
-- include: bury
-- include: deliver

if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then return 0 end
local held, letters = redis.call('HGETALL', KEYS[6]), {KEYS[8], KEYS[9], KEYS[10]}
give_back(letters, held, tonumber(ARGV[4]), tonumber(ARGV[5]))
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  for i = 6, #ARGV do count(KEYS[4], 'served:' .. ARGV[i], 1) end
end
set_field(KEYS[1], ARGV[1], ARGV[2])
set_field(KEYS[2], ARGV[1], 0)
set_field(KEYS[3], ARGV[1], ARGV[3])
drop_field(KEYS[5], ARGV[1])
drop_field(KEYS[7], ARGV[1])
redis.call('DEL', KEYS[6], KEYS[11])
hints[#hints + 1], hints[#hints + 2] = 'celeriac:wake', 'news'
return 1
