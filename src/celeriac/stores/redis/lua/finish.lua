-- End claims and take new ones in one step. Hot path: worker core -> here -> worker core.
-- KEYS  1 leases  2 claims  3 delayed  4 messages  5 counts  6 ids  7 dead  8 letters  9 dead counts
--       10 advance list  11 floors  12 queues, then the lists to claim from, in pairs: where to take messages, and
--       the list they count as
-- ARGV  1 worker  2 epoch  3 count  4 max bytes  5 first number  6 results db ('' = this one)  7 this db
--       8 seconds that results live  9 most dead letters  10 ms that they live
--       11 number of outcomes, then for each outcome:
--       claim id, result key ('' = none), document, number of extras, and for each extra five words:
--         E list delay-ms id raw | S chord-key index size value | D id queue known raw | C chord-key '' '' ''
-- Returns {lost claim ids}, {list, raw, list, raw, ... of the new claims, numbered from `first`}, ms to the
--       next due, revision, the lists of which nothing is claimed between line feeds: of paused queues, and those
--       whose keys are no lists
-- An outcome whose claim is not held any more does nothing at all: that is the fence. A successor whose list is none
-- is set aside, so that the outcomes beside it stand.
-- include: delayed
-- include: lists
-- include: bury
-- include: deliver
-- include: documents

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return redis.error_reply('LEASELOST the lease is not open')
end
local floor, revision, closed = unpack(redis.call('HMGET', KEYS[11], ARGV[1], '', '\npaused'))
if tonumber(ARGV[5]) < tonumber(floor or 0) then
  return redis.error_reply('STALE a later session of this lease has begun')
end
local lost, taken, fields, results, fed, cleared = {}, {}, {}, {}, {}, {}
local number, prefix = tonumber(ARGV[5]), ARGV[2] .. ':'
local since

local function take(list, raw)
  taken[#taken + 1], taken[#taken + 2] = list, raw
  since = since or string.format('%d', now_ms())
  fields[#fields + 1], fields[#fields + 2] = prefix .. number, list .. '\n' .. since .. '\n' .. raw
  number = number + 1
end

local function extra(kind, a, b, c, d)
  if kind == 'E' then
    local delay = tonumber(b)
    fed[queue_of(a)] = true
    if delay > 0 then
      hold_back(3, a, now_ms() + delay, c, d)
    elseif not put('LPUSH', a, d) then
      set_aside({KEYS[7], KEYS[8], KEYS[9]}, a, c, d, tonumber(ARGV[9]), tonumber(ARGV[10]))
    end
  elseif kind == 'S' then
    if redis.call('HSETNX', a, b, d) == 1 then back({'HDEL', a, b}) end
    if redis.call('HLEN', a) >= tonumber(c) and redis.call('HSETNX', a, 'advanced', 1) == 1 then
      back({'HDEL', a, 'advanced'})
      take(KEYS[10], string.sub(a, #'celeriac:chord:' + 1))
    end
  elseif kind == 'D' then
    bury({KEYS[7], KEYS[8], KEYS[9]}, a, b, c, d, now_ms(), tonumber(ARGV[9]), tonumber(ARGV[10]))
  elseif redis.call('EXISTS', a) == 1 then
    -- Out of the way at once and dropped at the end: no call can bring back what is dropped.
    cleared[#cleared + 1] = a .. '\ncleared' .. #cleared
    redis.call('RENAME', a, cleared[#cleared])
    back({'RENAME', cleared[#cleared], a})
  end
end

-- The claims end first, those that are held; a claim that is named twice ends once.
local at, ids, held = 12, {}, {}
for n = 1, tonumber(ARGV[11]) do
  ids[n] = ARGV[at]
  at = at + 4 + ARGV[at + 3] * 5
end
for from = 1, #ids, 1000 do
  local till, ended, restore = math.min(from + 999, #ids), {}, {'HMSET', KEYS[2]}
  for n, value in ipairs(redis.call('HMGET', KEYS[2], unpack(ids, from, till))) do
    local id = ids[from - 1 + n]
    if value and not held[id] then
      held[id], ended[#ended + 1] = true, id
      restore[#restore + 1], restore[#restore + 2] = id, value
    end
  end
  if #ended > 0 then
    redis.call('HDEL', KEYS[2], unpack(ended))
    back(restore)
  end
end

at = 12
for n = 1, #ids do
  local extras = tonumber(ARGV[at + 3])
  if held[ids[n]] then
    held[ids[n]] = nil
    if ARGV[at + 1] ~= '' then results[#results + 1] = at + 1 end
    for e = at + 4, at + 3 + extras * 5, 5 do
      extra(ARGV[e], ARGV[e + 1], ARGV[e + 2], ARGV[e + 3], ARGV[e + 4])
    end
  else
    lost[#lost + 1] = ids[n]
  end
  at = at + 4 + extras * 5
end
for queue in pairs(fed) do
  if redis.call('HSETNX', KEYS[12], queue, '') == 1 then back({'HDEL', KEYS[12], queue}) end
end
if #results > 0 then
  go_to(ARGV[6], ARGV[7])
  for _, r in ipairs(results) do
    write_document(ARGV[r], ARGV[r + 1], ARGV[8])
    hint(ARGV[r], ARGV[r + 1])
  end
  come_back(ARGV[6], ARGV[7])
end

-- Sizes are not known before a message is taken, so they are taken four at a time.
local left, room = tonumber(ARGV[3]), tonumber(ARGV[4])
local function reversed(words)
  local turned = {}
  for n = #words, 1, -1 do turned[#turned + 1] = words[n] end
  return turned
end

local function claim(source, list)
  if closed and string.find(closed, '\n' .. list .. '\n', 1, true) then return false end
  local first = left
  while left > 0 and room > 0 do
    local asked = math.min(left, 4)
    local got = redis.pcall('RPOP', source, asked) or {}
    if is_of_another_kind(got) then
      closed = (closed or '\n') .. list .. '\n'
      break
    end
    if #got > 0 then back({'RPUSH', source, unpack(reversed(got))}) end
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
local due = next_due(KEYS[3])
for from = 1, #fields, 1000 do
  local till = math.min(from + 999, #fields)
  redis.call('HSET', KEYS[2], unpack(fields, from, till))
  if #fields > 1000 or #cleared > 0 then
    for n = from, till, 2 do back({'HDEL', KEYS[2], fields[n]}) end
  end
end
if #cleared > 0 then redis.call('UNLINK', unpack(cleared)) end
return {lost, taken, due, tonumber(revision or 0), closed or ''}
