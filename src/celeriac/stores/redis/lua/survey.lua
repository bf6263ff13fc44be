-- Look at all leases and at what is held longest under each. Keys of claims are computed here: for people, not for hot
-- paths.
-- KEYS  1 leases  2 beats  3 workers  4 told
-- ARGV  1 how many claims of each  2 max bytes
-- Returns for each worker: name, epoch, beat, record, tally, ms since it was told or -1, number of claims,
--       {claim, list, flags, raw, ...}
-- include: delayed

local workers, room, reply = redis.call('HKEYS', KEYS[1]), tonumber(ARGV[2]), {}
table.sort(workers)
for _, worker in ipairs(workers) do
  local claims, order = redis.call('HGETALL', 'celeriac:claims:' .. worker), {}
  for i = 1, #claims, 2 do
    local list, flags, raw = string.match(claims[i + 1], '^([^\n]*)\n([^\n]*)\n(.*)$')
    local since, number = string.match(flags, '^%d+'), string.match(claims[i], ':(%d+)$')
    order[#order + 1] = {tonumber(since or 0), tonumber(number), claims[i], list, flags, raw}
  end
  table.sort(order, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  local held = {}
  for i = 1, math.min(#order, tonumber(ARGV[1])) do
    local raw = room > 0 and order[i][6] or ''
    room = room - #raw
    for _, word in ipairs({order[i][3], order[i][4], order[i][5], raw}) do held[#held + 1] = word end
  end
  local row = {worker, redis.call('HGET', KEYS[1], worker), redis.call('HGET', KEYS[2], worker) or '0'}
  row[4] = redis.call('HGET', KEYS[3], worker) or '{}'
  local heard, tally = string.match(redis.call('HGET', KEYS[4], worker) or '', '^(%d+)\n(.*)$')
  row[5], row[6], row[7], row[8] = tally or '{}', heard and now_ms() - heard or -1, #order, held
  reply[#reply + 1] = row
end
return reply
