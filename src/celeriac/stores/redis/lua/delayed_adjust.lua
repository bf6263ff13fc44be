-- Change delayed messages.
-- KEYS  1 delayed  2 messages  3 counts  4 ids  5 queues
-- ARGV  for each: id, ms from now until it is due ('' = as it was), '1' if there is another message, that message,
--       queue ('' = as it was)
-- Returns 1 or 0 for each: whether it was there
-- include: clock
-- include: counts
-- include: fields

local reply = {}
for i = 1, #ARGV, 5 do
  local id = ARGV[i]
  local value, before = redis.call('HGET', KEYS[2], id), redis.call('ZSCORE', KEYS[1], id)
  if value then
    local from, raw = string.match(value, '^([^\n]*)\n(.*)$')
    local list, due = from, before
    if ARGV[i + 1] ~= '' then due = now_ms() + ARGV[i + 1] end
    if ARGV[i + 2] == '1' then raw = ARGV[i + 3] end
    if ARGV[i + 4] ~= '' then
      list = ARGV[i + 4] .. (string.match(list, '\6\022%d+$') or '')
      if redis.call('HSETNX', KEYS[5], ARGV[i + 4], '') == 1 then back({'HDEL', KEYS[5], ARGV[i + 4]}) end
    end
    if list ~= from then
      count(KEYS[3], from, -1)
      count(KEYS[3], list, 1)
    end
    set_field(KEYS[2], id, list .. '\n' .. raw)
    redis.call('ZADD', KEYS[1], due, id)
    back({'ZADD', KEYS[1], before, id})
    if redis.call('ZRANGE', KEYS[1], 0, 0)[1] == id then hints[#hints + 1], hints[#hints + 2] = 'celeriac:wake', due end
  end
  reply[#reply + 1] = value and 1 or 0
end
return reply
