-- Count a beat and look at all leases.
-- KEYS  1 leases  2 beats  3 workers  4 delayed
-- ARGV  1 worker  2 epoch
-- Returns {worker, epoch, ...}, {worker, beat, ...}, {worker, record, ...}, ms to the next due
-- include: delayed

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return redis.error_reply('LEASELOST the lease is not open')
end
redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
return {redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2]), redis.call('HGETALL', KEYS[3]), next_due(KEYS[4])}
