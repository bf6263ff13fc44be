-- Included where messages come in; after `delayed` and `lists`.
-- Needs KEYS  1 sent:0  2 sent:1  3 sent:now  4 delayed  5 messages  6 counts  7 ids  8 queues

-- Accept messages, one for each six arguments from `from` on; an id accepted within `memory` seconds is dropped.
-- Returns one number a message: 1 new, 0 accepted before.
local function accept(memory, from)
  local period = math.floor(redis.call('TIME')[1] / memory)
  local current, previous = KEYS[1 + period % 2], KEYS[2 - period % 2]
  local recorded = tonumber(redis.call('GET', KEYS[3]) or -2)
  if recorded ~= period then
    redis.call('UNLINK', current)
    if recorded ~= period - 1 then redis.call('UNLINK', previous) end
    redis.call('SET', KEYS[3], period)
  end

  local fresh, batches, queues, n = {}, {}, {}, 0
  for i = from, #ARGV, 6 do
    n = n + 1
    local id, list, queue = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    if redis.call('SISMEMBER', previous, id) == 1 or redis.call('SADD', current, id) == 0 then
      fresh[n] = 0
    else
      fresh[n] = 1
      queues[queue] = true
      local delay, raw = tonumber(ARGV[i + 3]), ARGV[i + 4]
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
      redis.call('LPUSH', list, unpack(batch, from, math.min(from + 999, #batch)))
    end
    call_for(list)
  end
  for queue in pairs(queues) do redis.call('HSETNX', KEYS[8], queue, '') end
  return fresh
end
