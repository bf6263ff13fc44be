-- Count a heartbeat and look at all leases.
-- KEYS  1 leases  2 heartbeats  3 workers  4 delayed  5 sessions  6 told
-- ARGV  1 worker  2 epoch  3 what the worker has counted, as JSON ('' = nothing to tell)
-- Returns {worker, epoch, ...}, {worker, heartbeat, ...}, {worker, record, ...}, ms to the next due, revision
-- include: clock
-- include: due
-- include: fields

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return redis.error_reply('LEASELOST the lease is not open')
end
redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
back({'HINCRBY', KEYS[2], ARGV[1], -1})
if ARGV[3] ~= '' then set_field(KEYS[6], ARGV[1], string.format('%d\n', now_ms()) .. ARGV[3]) end
local reply = {}
for k = 1, 3 do reply[k] = redis.call('HGETALL', KEYS[k]) end
reply[4], reply[5] = next_due(KEYS[4]), tonumber(redis.call('HGET', KEYS[5], '') or 0)
return reply
