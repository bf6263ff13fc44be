-- Look at all leases and at the first claims under each. Keys of claims are computed here: for people, not for hot
-- paths.
-- KEYS  1 leases  2 heartbeats  3 workers  4 told
-- ARGV  1 how many claims of each  2 max bytes
-- Returns for each worker: name, epoch, heartbeat, record, counters, ms since it was told or -1, number of claims,
--       {claim, list, flags, raw, ...}
-- include: clock

local workers, room, reply = redis.call('HKEYS', KEYS[1]), tonumber(ARGV[2]), {}
table.sort(workers)
for _, worker in ipairs(workers) do
  local place, epoch = 'celeriac:claims:' .. worker, redis.call('HGET', KEYS[1], worker)
  local claimed_by = string.gsub(epoch, ':reaped$', '')
  local numbers, held = {}, {}
  for i, id in ipairs(redis.call('HKEYS', place)) do numbers[i] = tonumber(string.match(id, ':(%d+)$')) end
  table.sort(numbers)
  for i = 1, math.min(#numbers, tonumber(ARGV[1])) do
    local id = string.format('%s:%d', claimed_by, numbers[i])
    local list, flags, raw = string.match(redis.call('HGET', place, id), '^([^\n]*)\n([^\n]*)\n(.*)$')
    if room <= 0 then raw = '' end
    room = room - #raw
    for _, word in ipairs({id, list, flags, raw}) do held[#held + 1] = word end
  end
  local row = {worker, epoch, redis.call('HGET', KEYS[2], worker) or '0'}
  row[4] = redis.call('HGET', KEYS[3], worker) or '{}'
  local heard, counters = string.match(redis.call('HGET', KEYS[4], worker) or '', '^(%d+)\n(.*)$')
  row[5], row[6], row[7], row[8] = counters or '{}', heard and now_ms() - heard or -1, #numbers, held
  reply[#reply + 1] = row
end
return reply
