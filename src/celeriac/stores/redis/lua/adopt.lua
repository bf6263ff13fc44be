-- Give messages that consumers of kombu hold back to their lists; the next to be served.
-- KEYS  1 unacked (HASH tag -> message)  2 unacked_index (ZSET tag -> seconds since 1970 when it was taken)
-- ARGV  1 seconds that a message must have been held, then for each: tag, list, message
-- Returns {given back, too young, left because the key of the list is none}
-- include: fields
-- include: lists

local now, least = tonumber(redis.call('TIME')[1]), tonumber(ARGV[1])
local adopted, young, left = 0, 0, 0
for i = 2, #ARGV, 3 do
  local taken, held = redis.call('ZSCORE', KEYS[2], ARGV[i]), redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1
  -- With no least age all is old enough, whatever the clock said of those that took it.
  if taken and least > 0 and now - taken < least then
    young = young + 1
  elseif held and not put('RPUSH', ARGV[i + 1], ARGV[i + 2]) then
    left = left + 1
  elseif held then
    drop_field(KEYS[1], ARGV[i])
    if taken then
      redis.call('ZREM', KEYS[2], ARGV[i])
      back({'ZINCRBY', KEYS[2], taken, ARGV[i]})
    end
    adopted = adopted + 1
  end
end
-- Idle workers wait on lists of priority 0; for the others they are called.
if adopted > 0 then hints[#hints + 1], hints[#hints + 2] = 'celeriac:wake', 0 end
return {adopted, young, left}
