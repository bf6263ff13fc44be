-- One dead letter.
-- KEYS  1 dead  2 letters
-- ARGV  1 id  2 ms that letters live
-- Returns {id, number, value}, or nothing
-- include: clock

local number = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not number or tonumber(number) <= now_ms() - ARGV[2] then return {} end
return {ARGV[1], number, redis.call('HGET', KEYS[2], ARGV[1])}
