-- Let nothing of some queues be claimed, or let it again; those who wait are told.
-- KEYS  1 sessions  2 queues
-- ARGV  1 '1' to pause, then the queues, each followed by its four lists
-- Returns nothing

local paused = redis.call('HGET', KEYS[1], '\npaused') or ''
local lists, order = {}, {}
for list in string.gmatch(paused, '[^\n]+') do
  lists[list] = true
  order[#order + 1] = list
end
for i = 2, #ARGV, 5 do
  if ARGV[1] == '1' and redis.call('HSETNX', KEYS[2], ARGV[i], '') == 1 then back({'HDEL', KEYS[2], ARGV[i]}) end
  for l = i + 1, i + 4 do
    if not lists[ARGV[l]] then order[#order + 1] = ARGV[l] end
    lists[ARGV[l]] = ARGV[1] == '1'
  end
end
local kept = {}
for _, list in ipairs(order) do
  if lists[list] then kept[#kept + 1] = list end
end
if #kept > 0 then
  redis.call('HSET', KEYS[1], '\npaused', '\n' .. table.concat(kept, '\n') .. '\n')
else
  redis.call('HDEL', KEYS[1], '\npaused')
end
hints[#hints + 1], hints[#hints + 2] = 'celeriac:wake', 0
