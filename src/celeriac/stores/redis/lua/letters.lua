-- A page of the dead letters, the newest first.
-- KEYS  1 dead  2 letters
-- ARGV  1 limit  2 the number of the last one of the page before ('' = none)  3 max bytes  4 ms that letters live
-- Returns id, number, value, id, number, value, ...
-- include: clock

local newest = ARGV[2] == '' and '+inf' or '(' .. ARGV[2]
local oldest = '(' .. (now_ms() - ARGV[4])
local found = redis.call('ZRANGE', KEYS[1], newest, oldest, 'BYSCORE', 'REV', 'LIMIT', 0, ARGV[1], 'WITHSCORES')
local reply, room = {}, tonumber(ARGV[3])
for i = 1, #found, 2 do
  if room <= 0 then break end
  local value = redis.call('HGET', KEYS[2], found[i])
  room = room - #value
  reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = found[i], found[i + 1], value
end
return reply
