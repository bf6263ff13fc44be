-- Write down what a worker has counted.
-- KEYS  1 leases  2 told
-- ARGV  1 worker  2 epoch  3 tally (JSON)
-- include: delayed

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return redis.error_reply('LEASELOST the lease is not open')
end
redis.call('HSET', KEYS[2], ARGV[1], string.format('%d\n', now_ms()) .. ARGV[3])
return 1
