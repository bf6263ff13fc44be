-- Included where messages come in; after `clock`, `counts`, `delayed` and `lists`.
-- Needs KEYS  1 sent:0  2 sent:1  3 sent:now  4 delayed  5 messages  6 counts  7 ids  8 queues

heeds_memory = true

local function push(list, ...)
  if not put('LPUSH', list, ...) then error({err = 'WRONGTYPE the key of the queue is no list: ' .. list}) end
end

local function know(queue)
  if redis.call('HSETNX', KEYS[8], queue, '') == 1 then back({'HDEL', KEYS[8], queue}) end
end

-- Accept one message that is due at once, in a period that has begun: what `delay` sends. Tables and loops for one
-- message cost a tenth of the script's time.
local function accept_one(current, previous, from)
  local id = ARGV[from]
  if redis.call('SISMEMBER', previous, id) == 1 or redis.call('SISMEMBER', current, id) == 1 then return 0 end
  push(ARGV[from + 1], ARGV[from + 4])
  know(ARGV[from + 2])
  redis.call('SADD', current, id)
  back({'SREM', current, id})
  return 1
end

-- Accept messages, one for each six arguments from `from` on; an id accepted within `memory` seconds is dropped.
-- Ids are kept in two sets that take turns, so that forgetting costs one UNLINK a period and no key a message.
-- Returns one number a message: 1 new, 0 accepted before.
local function accept(memory, from)
  local period = math.floor(redis.call('TIME')[1] / memory)
  local current, previous = KEYS[1 + period % 2], KEYS[2 - period % 2]
  local recorded = redis.call('GET', KEYS[3])
  -- The sets are those of the period recorded and of the one before it.
  local age = period - (recorded or period - 2)
  local several = #ARGV > from + 5
  if not several and age == 0 and ARGV[from + 3] == '0' then return {accept_one(current, previous, from)} end
  local fresh, new, batches, queues, n = {}, {}, {}, {}, 0
  local before, lately = false, false
  -- Whether an id was accepted before. Of several a thousand are looked up at once.
  local function is_known(id, i)
    if not several then
      return age < 2 and redis.call('SISMEMBER', previous, id) == 1
        or age == 0 and redis.call('SISMEMBER', current, id) == 1
    end
    local place = (n - 1) % 1000 + 1
    if place == 1 then
      local ids = {}
      for j = i, math.min(i + 5994, #ARGV), 6 do ids[#ids + 1] = ARGV[j] end
      before = age < 2 and redis.call('SMISMEMBER', previous, unpack(ids))
      lately = age == 0 and redis.call('SMISMEMBER', current, unpack(ids))
    end
    return new[id] or before and before[place] == 1 or lately and lately[place] == 1
  end

  for i = from, #ARGV, 6 do
    n = n + 1
    local id, list, queue = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    if is_known(id, i) then
      fresh[n] = 0
    else
      fresh[n], new[#new + 1] = 1, id
      if several then new[id] = true end
      local delay, raw = tonumber(ARGV[i + 3]), ARGV[i + 4]
      queues[queue] = true
      if delay > 0 and ARGV[i + 5] ~= '' and (redis.call('HGET', KEYS[8], 'served:' .. queue) or '0') == '0' then
        delay, raw = 0, ARGV[i + 5]
      end
      if delay > 0 then
        hold_back(4, list, now_ms() + delay, id, raw)
      else
        local batch = batches[list]
        if batch then batch[#batch + 1] = raw else batches[list] = {raw} end
      end
    end
  end
  for list, batch in pairs(batches) do
    for from = 1, #batch, 1000 do
      push(list, unpack(batch, from, math.min(from + 999, #batch)))
    end
  end
  for queue in pairs(queues) do know(queue) end

  -- An id is remembered once its message is in.
  if #new > 0 and age ~= 0 then
    redis.call('SET', KEYS[3], period, 'EX', memory * 2)
    back(recorded and {'SET', KEYS[3], recorded, 'KEEPTTL'} or {'DEL', KEYS[3]})
    if age == 1 then redis.call('UNLINK', current) else redis.call('UNLINK', current, previous) end
  end
  for from = 1, #new, 1000 do
    local till = math.min(from + 999, #new)
    redis.call('SADD', current, unpack(new, from, till))
    undo[#undo + 1] = function(take_back) take_back('SREM', current, unpack(new, from, till)) end
  end
  if #new > 0 and age ~= 0 then redis.pcall('EXPIRE', current, memory * 2) end
  return fresh
end
