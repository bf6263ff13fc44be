-- Look for an id in what is ready or claimed. Keys are computed here: for people, not for hot paths.
-- KEYS  1 queues  2 leases  3 ends of revocations (ZSET task -> ms)
-- ARGV  1 the id  2 how many messages of a queue to look at
-- Returns {queue, ahead, raw, ...}, {worker, claim, list, flags, raw, ...}, 1 when it is revoked,
--       {queues not seen whole}
-- include: clock
-- include: lengths

local word, depth = ARGV[1], tonumber(ARGV[2])
local ready, held, unseen = {}, {}, {}
local names, known = {}, {}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local name = string.match(field, '^served:(.*)$') or field
  if not known[name] then known[name] = true; names[#names + 1] = name end
end
table.sort(names)

local function look(name)
  local ahead = 0
  for _, step in ipairs({'', '\6\0223', '\6\0226', '\6\0229'}) do
    for _, key in ipairs({'celeriac:landing:' .. name .. step, name .. step}) do
      local length = length_of(key)
      local left = math.min(length, depth - ahead)
      if left < length then unseen[#unseen + 1] = name end
      for from = 1, left, 100 do
        local part = redis.call('LRANGE', key, -math.min(from + 99, left), -from)
        for i = #part, 1, -1 do
          if string.find(part[i], word, 1, true) then
            ready[#ready + 1], ready[#ready + 2], ready[#ready + 3] = name, ahead, part[i]
          end
          ahead = ahead + 1
        end
      end
      if left < length then return end
    end
  end
end
for _, name in ipairs(names) do look(name) end

local workers = redis.call('HKEYS', KEYS[2])
table.sort(workers)
for _, worker in ipairs(workers) do
  local claims = redis.call('HGETALL', 'celeriac:claims:' .. worker)
  for i = 1, #claims, 2 do
    local list, flags, raw = string.match(claims[i + 1], '^([^\n]*)\n([^\n]*)\n(.*)$')
    if string.find(raw, word, 1, true) then
      for _, item in ipairs({worker, claims[i], list, flags, raw}) do held[#held + 1] = item end
    end
  end
end
local ends = redis.call('ZSCORE', KEYS[3], word)
return {ready, held, ends and tonumber(ends) > now_ms() and 1 or 0, unseen}
