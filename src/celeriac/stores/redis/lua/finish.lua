-- End claims and take new ones in one step. Hot path: worker core -> here -> worker core.
-- KEYS  1 leases  2 claims  3 delayed  4 messages  5 counts  6 ids  7 dead  8 letters  9 dead counts
--       10 advance list  11 floors  12 queues, then the lists to claim from, in pairs: where to take messages, and
--       the list they count as
-- ARGV  1 worker  2 epoch  3 count  4 max bytes  5 first number  6 results db ('' = this one)  7 this db
--       8 seconds that results live  9 most dead letters  10 ms that they live
--       11 number of outcomes, then for each outcome:
--       claim id, result key ('' = none), document, number of extras, and for each extra five words:
--         E list delay-ms id raw | S chord-key index size value | D id queue known raw | C chord-key '' '' ''
--         F<most> <ms> id queue known raw (a failed task, kept as dead letters are, so many for so long)
-- Returns {lost claim ids}, {list, raw, list, raw, ... of the new claims, numbered from `first`}, ms to the
--       next due, revision, the lists of paused queues between line feeds
-- An outcome whose claim is not held any more does nothing at all: that is the fence.
-- include: delayed
-- include: lists
-- include: bury

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return redis.error_reply('LEASELOST the lease is not open')
end
local floor, revision, paused = unpack(redis.call('HMGET', KEYS[11], ARGV[1], '', '\npaused'))
if tonumber(ARGV[5]) < tonumber(floor or 0) then
  return redis.error_reply('STALE a later session of this lease has begun')
end
local lost, taken, fields, results, fed = {}, {}, {}, {}, {}
local number, prefix = tonumber(ARGV[5]), ARGV[2] .. ':'
local since

local function take(list, raw)
  taken[#taken + 1], taken[#taken + 2] = list, raw
  since = since or string.format('%d', now_ms())
  fields[#fields + 1], fields[#fields + 2] = prefix .. number, list .. '\n' .. since .. '\n' .. raw
  number = number + 1
end

-- No keys of the caller: requests without a failure are not to carry their names.
local failed = {'celeriac:failed', 'celeriac:failed:letters', 'celeriac:failed:counts'}
local failed_ms

local function extra(kind, a, b, c, d)
  if kind == 'E' then
    local delay = tonumber(b)
    fed[queue_of(a)] = true
    if delay > 0 then
      hold_back(3, a, now_ms() + delay, c, d)
    else
      redis.call('LPUSH', a, d)
      call_for(a)
    end
  elseif kind == 'S' then
    redis.call('HSETNX', a, b, d)
    if redis.call('HLEN', a) >= tonumber(c) and redis.call('HSETNX', a, 'advanced', 1) == 1 then
      take(KEYS[10], string.sub(a, #'celeriac:chord:' + 1))
    end
  elseif kind == 'D' then
    bury({KEYS[7], KEYS[8], KEYS[9]}, a, b, c, d, now_ms(), tonumber(ARGV[9]), tonumber(ARGV[10]))
  elseif kind == 'C' then
    redis.call('UNLINK', a)
  else
    local most, ms = string.match(kind, '^F(%d+) (%d+)$')
    bury(failed, a, b, c, d, now_ms(), tonumber(most), tonumber(ms))
    failed_ms = ms
  end
end

local at = 12
for _ = 1, tonumber(ARGV[11]) do
  local extras = tonumber(ARGV[at + 3])
  if redis.call('HDEL', KEYS[2], ARGV[at]) == 1 then
    if ARGV[at + 1] ~= '' then results[#results + 1] = at + 1 end
    for e = at + 4, at + 3 + extras * 5, 5 do
      extra(ARGV[e], ARGV[e + 1], ARGV[e + 2], ARGV[e + 3], ARGV[e + 4])
    end
  else
    lost[#lost + 1] = ARGV[at]
  end
  at = at + 4 + extras * 5
end
-- When none has failed for so long, none is kept.
if failed_ms then
  for _, key in ipairs(failed) do redis.call('PEXPIRE', key, failed_ms) end
end
for queue in pairs(fed) do redis.call('HSETNX', KEYS[12], queue, '') end
if #results > 0 then
  if ARGV[6] ~= '' then redis.call('SELECT', ARGV[6]) end
  for _, r in ipairs(results) do
    redis.call('SET', ARGV[r], ARGV[r + 1], 'EX', ARGV[8])
    redis.call('PUBLISH', ARGV[r], ARGV[r + 1])
  end
  if ARGV[6] ~= '' then redis.call('SELECT', ARGV[7]) end
end

-- Sizes are not known before a message is taken, so they are taken four at a time.
local left, room = tonumber(ARGV[3]), tonumber(ARGV[4])
local function claim(source, list)
  if paused and string.find(paused, '\n' .. list .. '\n', 1, true) then return false end
  local first = left
  while left > 0 and room > 0 do
    local asked = math.min(left, 4)
    local got = redis.call('RPOP', source, asked) or {}
    for _, raw in ipairs(got) do
      take(list, raw)
      left, room = left - 1, room - #raw
    end
    if #got < asked then break end
  end
  return left < first
end
-- Most lists are empty: to count those that are not is one call instead of one for each.
local sources, full = {}, 0
for k = 13, #KEYS, 2 do sources[#sources + 1] = KEYS[k] end
for from = 1, #sources, 1000 do
  full = full + redis.call('EXISTS', unpack(sources, from, math.min(from + 999, #sources)))
end
for k = 13, #KEYS, 2 do
  if full == 0 or left <= 0 or room <= 0 then break end
  if claim(KEYS[k], KEYS[k + 1]) then full = full - 1 end
end
for from = 1, #fields, 1000 do
  redis.call('HSET', KEYS[2], unpack(fields, from, math.min(from + 999, #fields)))
end
return {lost, taken, next_due(KEYS[3]), tonumber(revision or 0), paused or ''}
