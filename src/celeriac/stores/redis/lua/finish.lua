-- End claims and take new ones in one step. Hot path: worker core -> here -> worker core.
-- KEYS  1 leases  2 claims  3 delayed  4 messages  5 counts  6 ids  7 dead  8 letters  9 dead counts
--       10 advance list  11 sessions  12 queues, then the lists to claim from, in pairs: where to take messages, and
--       the list they count as
-- ARGV  1 worker  2 epoch  3 count  4 max bytes  5 first number  6 results db ('' = this one)  7 this db
--       8 seconds that results live  9 most dead letters  10 ms that they live
--       11 number of outcomes, then for each outcome:
--       claim id, result key ('' = none), document, number of extras, and for each extra five words:
--         E list delay-ms id raw | S chord-key index size value | D id queue known raw | C chord-key '' '' ''
--         F<most> <ms> id queue known raw (a failed task, kept as dead letters are, so many for so long)
-- Returns {lost claim ids}, {list, raw, list, raw, ... of the new claims, numbered from `first`}, ms to the
--       next due, revision, and each between line feeds the lists of paused queues, and those that are no lists
-- An outcome whose claim is not held any more does nothing at all: that is the fence. A successor whose list is none
-- is set aside, so that the outcomes beside it stand.
-- include: clock
-- include: due
-- include: lists
-- include: documents

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return redis.error_reply('LEASELOST the lease is not open')
end
local floor, revision, paused = unpack(redis.call('HMGET', KEYS[11], ARGV[1], '', '\npaused'))
if tonumber(ARGV[5]) < tonumber(floor or 0) then
  return redis.error_reply('STALE a later session of this lease has begun')
end
local strange = ''
local lost, taken, fields, results = {}, {}, {}, {}
local fed, cleared = {}, {}
local number, prefix = tonumber(ARGV[5]), ARGV[2] .. ':'
local since

local function take(list, raw)
  taken[#taken + 1], taken[#taken + 2] = list, raw
  since = since or string.format('%d', now_ms())
  fields[#fields + 1], fields[#fields + 2] = prefix .. number, list .. '\n' .. since .. '\n' .. raw
  number = number + 1
end

local failed, failed_ms

-- What few outcomes have. These functions are made for those alone.
local function rare(kind, a, b, c, d)
-- include: counts
-- include: delayed
-- include: bury
-- include: deliver
  local letters, most, ms = {KEYS[7], KEYS[8], KEYS[9]}, tonumber(ARGV[9]), tonumber(ARGV[10])
  if kind == 'E' then
    hold_back(3, a, now_ms() + b, c, d)
  elseif kind == 'D' then
    bury(letters, a, b, c, d, now_ms(), most, ms)
  elseif kind == 'C' and redis.call('EXISTS', a) == 1 then
    -- Out of the way at once and dropped at the end: no call can bring back what is dropped.
    cleared[#cleared + 1] = a .. '\ncleared' .. #cleared
    redis.call('RENAME', a, cleared[#cleared])
    back({'RENAME', cleared[#cleared], a})
  elseif kind == 'no list' then
    set_aside(letters, a, c, d, most, ms)
  elseif string.sub(kind, 1, 1) == 'F' then
    -- No keys of the caller: requests without a failure are not to carry their names.
    failed = {'celeriac:failed', 'celeriac:failed:letters', 'celeriac:failed:counts'}
    most, failed_ms = string.match(kind, '^F(%d+) (%d+)$')
    bury(failed, a, b, c, d, now_ms(), tonumber(most), tonumber(failed_ms))
  end
end

local function extra(kind, a, b, c, d)
  if kind == 'S' then
    if redis.call('HSETNX', a, b, d) == 1 then back({'HDEL', a, b}) end
    if redis.call('HLEN', a) >= tonumber(c) and redis.call('HSETNX', a, 'advanced', 1) == 1 then
      back({'HDEL', a, 'advanced'})
      take(KEYS[10], string.sub(a, #'celeriac:chord:' + 1))
    end
    return
  end
  if kind == 'E' then fed[queue_of(a)] = true end
  if kind ~= 'E' or tonumber(b) > 0 then
    rare(kind, a, b, c, d)
  elseif not put('LPUSH', a, d) then
    rare('no list', a, b, c, d)
  end
end

-- The claims end last of all: what is dropped is the hardest to take back. Whether they may is found out first.
local outcomes, at, ended, named = tonumber(ARGV[11]), 12, {}, {}
if outcomes > 0 then redis.call('HDEL', KEYS[2], '\n') end
for _ = 1, outcomes do
  local id, extras = ARGV[at], tonumber(ARGV[at + 3])
  if not named[id] and redis.call('HEXISTS', KEYS[2], id) == 1 then
    if outcomes > 1 then named[id] = true end
    ended[#ended + 1] = id
    if ARGV[at + 1] ~= '' then results[#results + 1], results[#results + 2] = ARGV[at + 1], ARGV[at + 2] end
    for e = at + 4, at + 3 + extras * 5, 5 do
      extra(ARGV[e], ARGV[e + 1], ARGV[e + 2], ARGV[e + 3], ARGV[e + 4])
    end
  else
    lost[#lost + 1] = id
  end
  at = at + 4 + extras * 5
end
for queue in pairs(fed) do
  if redis.call('HSETNX', KEYS[12], queue, '') == 1 then back({'HDEL', KEYS[12], queue}) end
end
write_documents(results, ARGV[6], ARGV[7], ARGV[8])

-- Most lists are empty: to count those that are not is one call instead of one for each.
local sources, full = {}, 0
for k = 13, #KEYS, 2 do sources[#sources + 1] = KEYS[k] end
for from = 1, #sources, 1000 do
  full = full + redis.call('EXISTS', unpack(sources, from, math.min(from + 999, #sources)))
end
local left, room = tonumber(ARGV[3]), tonumber(ARGV[4])
if full > 0 and left > 0 and room > 0 then
  local first, popped = #taken, {}
  since = since or string.format('%d', now_ms())
  undo[#undo + 1] = function(take_back)
    for n = #popped, 1, -1 do take_back('RPUSH', popped[n], taken[first + n * 2]) end
  end
  for k = 13, #KEYS, 2 do
    local source, list = KEYS[k], KEYS[k + 1]
    if full == 0 or left <= 0 or room <= 0 then break end
    local open, before = not (paused and string.find(paused, '\n' .. list .. '\n', 1, true)), left
    -- Sizes are not known before a message is taken, so they are taken four at a time.
    while open and left > 0 and room > 0 do
      local asked = math.min(left, 4)
      local got = redis.pcall('RPOP', source, asked) or {}
      if is_of_another_kind(got) then strange = strange .. '\n' .. list end
      for _, raw in ipairs(got) do
        popped[#popped + 1] = source
        take(list, raw)
        left, room = left - 1, room - #raw
      end
      open = #got == asked
    end
    if left < before then full = full - 1 end
  end
end
local due = next_due(KEYS[3])
for from = 1, #fields, 1000 do
  local till = math.min(from + 999, #fields)
  redis.call('HSET', KEYS[2], unpack(fields, from, till))
  undo[#undo + 1] = function(take_back)
    for n = from, till, 2 do take_back('HDEL', KEYS[2], fields[n]) end
  end
end
-- Only before another call it matters what they were.
for from = 1, #ended, 1000 do
  local till = math.min(from + 999, #ended)
  for n = from, (#ended > 1000 or #cleared > 0) and till or 0 do
    back({'HMSET', KEYS[2], ended[n], redis.call('HGET', KEYS[2], ended[n])})
  end
  redis.call('HDEL', KEYS[2], unpack(ended, from, till))
end
if #cleared > 0 then redis.call('UNLINK', unpack(cleared)) end
-- A mark says nothing without its claim, whose id no other gets: one that is left here goes with the lease.
local started = 'celeriac:started:' .. ARGV[1]
if #ended > 0 and redis.pcall('EXISTS', started) == 1 then
  for from = 1, #ended, 1000 do
    redis.pcall('SREM', started, unpack(ended, from, math.min(from + 999, #ended)))
  end
end
-- When none has failed for so long, none is kept.
for _, key in ipairs(failed or {}) do redis.pcall('PEXPIREAT', key, now_ms() + failed_ms) end
return {lost, taken, due, tonumber(revision or 0), paused or '', strange}
