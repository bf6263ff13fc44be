-- A page of the delayed messages, in the order of their times or, with a prefix, of their ids.
-- KEYS  1 delayed  2 messages  3 counts  4 ids
-- ARGV  1 limit  2 max bytes  3 prefix ('' = none)  4, 5 due and id where the page before ended ('' = none)
--       then the lists to look for (none = all)
-- Returns {id, due, list, raw, ...}, {due, id} where this one ended ({} at the end)

local limit, room = tonumber(ARGV[1]), tonumber(ARGV[2])
local lists, all = {}, #ARGV == 5
for i = 6, #ARGV do lists[ARGV[i]] = true end

-- Up to `limit` ids that follow the last page.
local function by_id()
  local from = ARGV[5] == '' and '[' .. ARGV[3] or '(' .. ARGV[5]
  return redis.call('ZRANGE', KEYS[4], from, '(' .. ARGV[3] .. '\255', 'BYLEX', 'LIMIT', 0, limit)
end

local function by_due()
  local start = 0
  if ARGV[5] ~= '' then
    if redis.call('ZSCORE', KEYS[1], ARGV[5]) == ARGV[4] then
      start = redis.call('ZRANK', KEYS[1], ARGV[5]) + 1
    else
      start = redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. ARGV[4])
    end
  end
  return redis.call('ZRANGE', KEYS[1], start, start + limit - 1)
end

local ids = ARGV[3] ~= '' and by_id() or by_due()
local found, last = {}, {}
for n, id in ipairs(ids) do
  if room <= 0 then return {found, last} end
  local due = redis.call('ZSCORE', KEYS[1], id)
  local list, raw = string.match(redis.call('HGET', KEYS[2], id), '^([^\n]*)\n(.*)$')
  last = {due, id}
  if all or lists[list] then
    found[#found + 1], found[#found + 2], found[#found + 3], found[#found + 4] = id, due, list, raw
    room = room - #raw
  end
end
return {found, #ids < limit and {} or last}
