-- Included where messages come in; after `delayed` and `lists`.
-- Needs KEYS  1 sent:0  2 sent:1  3 sent:now  4 delayed  5 messages  6 counts  7 ids  8 queues

heeds_memory = true

-- Which of some ids a set has, as 1 or 0 each.
local function find(set, ids)
  local found = redis.call('SMISMEMBER', set, unpack(ids, 1, math.min(1000, #ids)))
  for from = 1001, #ids, 1000 do
    for n, is in ipairs(redis.call('SMISMEMBER', set, unpack(ids, from, math.min(from + 999, #ids)))) do
      found[from - 1 + n] = is
    end
  end
  return found
end

-- Remember ids in the set of this period, which is emptied first if it is that of the period before the last.
local function remember(set, ids, emptied, period, memory, recorded)
  if emptied then
    redis.call('SET', KEYS[3], period, 'EX', memory * 2)
    back(recorded and {'SET', KEYS[3], recorded, 'KEEPTTL'} or {'DEL', KEYS[3]})
    redis.call('UNLINK', unpack(emptied))
  end
  for from = 1, #ids, 1000 do
    local till = math.min(from + 999, #ids)
    redis.call('SADD', set, unpack(ids, from, till))
    back({'SREM', set, unpack(ids, from, till)})
  end
  if emptied then redis.pcall('EXPIRE', set, memory * 2) end
end

-- Accept messages, one for each six arguments from `from` on; an id accepted within `memory` seconds is dropped.
-- Returns one number a message: 1 new, 0 accepted before.
local function accept(memory, from)
  local ids = {}
  for i = from, #ARGV, 6 do ids[#ids + 1] = ARGV[i] end
  if #ids == 0 then return {} end
  local period = math.floor(redis.call('TIME')[1] / memory)
  local current, previous = KEYS[1 + period % 2], KEYS[2 - period % 2]
  local recorded, emptied = redis.call('GET', KEYS[3]), nil
  local known = {}
  if tonumber(recorded or -2) == period then
    known[1], known[2] = find(current, ids), find(previous, ids)
  elseif tonumber(recorded or -2) == period - 1 then
    emptied, known[1] = {current}, find(previous, ids)
  else
    emptied = {current, previous}
  end

  local fresh, new, seen, batches, queues = {}, {}, {}, {}, {}
  for n, id in ipairs(ids) do
    if seen[id] or known[1] and known[1][n] == 1 or known[2] and known[2][n] == 1 then
      fresh[n] = 0
    else
      fresh[n], seen[id], new[#new + 1] = 1, true, id
      local i = from + (n - 1) * 6
      local list, queue, delay, raw = ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]), ARGV[i + 4]
      queues[queue] = true
      if delay > 0 and ARGV[i + 5] ~= '' and redis.call('HEXISTS', KEYS[8], 'served:' .. queue) == 0 then
        delay, raw = 0, ARGV[i + 5]
      end
      if delay > 0 then
        hold_back(4, list, now_ms() + delay, id, raw)
      else
        local batch = batches[list] or {}
        batch[#batch + 1] = raw
        batches[list] = batch
      end
    end
  end
  for list, batch in pairs(batches) do
    for from = 1, #batch, 1000 do
      if not put('LPUSH', list, unpack(batch, from, math.min(from + 999, #batch))) then
        error({err = 'WRONGTYPE the key of the queue is no list: ' .. list})
      end
    end
  end
  for queue in pairs(queues) do
    if redis.call('HSETNX', KEYS[8], queue, '') == 1 then back({'HDEL', KEYS[8], queue}) end
  end
  if #new > 0 then remember(current, new, emptied, period, memory, recorded) end
  return fresh
end
