-- Take over what a dead worker holds, if it has not moved since it was observed.
-- KEYS  1 leases  2 heartbeats  3 workers  4 queues  5 sessions  6 claims of the dead  7 claims of the reaper  8 told
--       9 started, of the dead
-- ARGV  1 reaper  2 reaper's epoch  3 dead worker  4 its epoch  5 its heartbeat  6 first number  7 limit
-- Returns {claim id, value, ...} as now held by the reaper. The lease is closed; while claims are left, these stand
-- under its epoch with ':reaped' behind it. What had begun says so in its value from here on.
-- include: counts
-- include: fields
-- include: ended
-- include: marks

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return redis.error_reply('LEASELOST the lease is not open')
end
if tonumber(ARGV[6]) < tonumber(redis.call('HGET', KEYS[5], ARGV[1]) or 0) then
  return redis.error_reply('STALE a later session of this lease has begun')
end
if ARGV[1] == ARGV[3] then return {} end
if redis.call('HGET', KEYS[1], ARGV[3]) ~= ARGV[4] or redis.call('HGET', KEYS[2], ARGV[3]) ~= ARGV[5] then
  return {}
end
local held = redis.call('HGETALL', KEYS[6])
local order = {}
for i = 1, #held, 2 do
  order[#order + 1] = {tonumber(string.match(held[i], ':(%d+)$')), held[i], held[i + 1]}
end
table.sort(order, function(a, b) return a[1] < b[1] end)
local moved, number = {}, tonumber(ARGV[6])
for i = 1, math.min(#order, tonumber(ARGV[7])) do
  local id, value = ARGV[2] .. ':' .. number, with_mark(KEYS[9], order[i][2], order[i][3])
  number = number + 1
  redis.call('HDEL', KEYS[6], order[i][2])
  back({'HMSET', KEYS[6], order[i][2], order[i][3]})
  redis.call('HSET', KEYS[7], id, value)
  back({'HDEL', KEYS[7], id})
  moved[#moved + 1], moved[#moved + 2] = id, value
end
if redis.call('HLEN', KEYS[6]) == 0 then
  forget_worker(KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[8], ARGV[3])
  redis.call('DEL', KEYS[9])
elseif not string.find(ARGV[4], ':reaped', 1, true) then
  set_field(KEYS[1], ARGV[3], ARGV[4] .. ':reaped')
end
return moved
