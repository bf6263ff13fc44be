-- The newest dead letters.
-- KEYS  1 dead  2 letters
-- ARGV  1 limit
-- Returns id, value, id, value, ...

local reply = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1, 'REV')) do
  reply[#reply + 1], reply[#reply + 2] = id, redis.call('HGET', KEYS[2], id)
end
return reply
