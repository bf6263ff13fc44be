-- Change delayed messages.
-- KEYS  1 delayed  2 messages  3 counts  4 ids  5 queues
-- ARGV  for each: id, ms from now until it is due ('' = as it was), '1' if there is another message, that message,
--       queue ('' = as it was)
-- Returns 1 or 0 for each: whether it was there
-- include: delayed

local reply = {}
for i = 1, #ARGV, 5 do
  local id = ARGV[i]
  local list, raw, due = let_go(1, id)
  if list then
    if ARGV[i + 1] ~= '' then due = now_ms() + ARGV[i + 1] end
    if ARGV[i + 2] == '1' then raw = ARGV[i + 3] end
    if ARGV[i + 4] ~= '' then
      list = ARGV[i + 4] .. (string.match(list, '\6\022%d+$') or '')
      if redis.call('HSETNX', KEYS[5], ARGV[i + 4], '') == 1 then back({'HDEL', KEYS[5], ARGV[i + 4]}) end
    end
    hold_back(1, list, due, id, raw)
  end
  reply[#reply + 1] = list and 1 or 0
end
return reply
