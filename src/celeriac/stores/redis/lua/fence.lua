-- A session of a lease begins: what earlier ones sent, and was not performed yet, takes no claims any more.
-- Without this a request that lies in the buffers of a server that hangs would claim messages for nobody: the
-- worker has reconciled by then, and its lease goes on.
-- KEYS  1 leases  2 sessions
-- ARGV  1 worker  2 epoch  3 the first claim number of the new session

if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HSET', KEYS[2], ARGV[1], ARGV[3]) end
return 1
