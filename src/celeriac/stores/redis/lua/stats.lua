-- Count what is in queues. Keys of workers' claims are computed here: for people, not for hot paths.
-- KEYS  1 queues  2 leases  3 delayed counts  4 dead counts  5 sessions  6 failed counts
-- ARGV  the queues asked for; none = all known
-- Returns for each queue: name, ready, delayed, claimed, dead, 1 where it is paused, failed
-- include: lengths

local steps = {'', '\6\0223', '\6\0226', '\6\0229'}
local names = ARGV
if #names == 0 then
  names = {}
  local known = {}
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    local name = string.match(field, '^served:(.*)$') or field
    if not known[name] then known[name] = true; names[#names + 1] = name end
  end
  table.sort(names)
end
local claimed = {}
for _, worker in ipairs(redis.call('HKEYS', KEYS[2])) do
  for _, value in ipairs(redis.call('HVALS', 'celeriac:claims:' .. worker)) do
    local list = string.match(value, '^([^\n]*)\n')
    claimed[list] = (claimed[list] or 0) + 1
  end
end
local paused = redis.call('HGET', KEYS[5], '\npaused') or ''
local reply = {}
for _, name in ipairs(names) do
  local ready, delayed, held = 0, 0, 0
  for _, step in ipairs(steps) do
    local list = name .. step
    ready = ready + length_of(list) + length_of('celeriac:landing:' .. list)
    delayed = delayed + (redis.call('HGET', KEYS[3], list) or 0)
    held = held + (claimed[list] or 0)
  end
  reply[#reply + 1] = {name, ready, delayed, held, tonumber(redis.call('HGET', KEYS[4], name) or 0)}
  reply[#reply][6] = string.find(paused, '\n' .. name .. '\n', 1, true) and 1 or 0
  reply[#reply][7] = tonumber(redis.call('HGET', KEYS[6], name) or 0)
end
return reply
