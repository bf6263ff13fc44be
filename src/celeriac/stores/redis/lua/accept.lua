-- Included where messages come in; after `delayed`.
-- Needs KEYS  1 sent:0  2 sent:1  3 sent:now  4 delayed  5 messages  6 counts  7 ids  8 queues

-- Accept messages, one for each seven arguments from `from` on; an id accepted within `memory` seconds is dropped.
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

  local fresh, batches, queues = {}, {}, {}
  local wake, n = false, 0
  for i = from, #ARGV, 7 do
    n = n + 1
    local id, list, queue = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    if redis.call('SISMEMBER', previous, id) == 1 or redis.call('SADD', current, id) == 0 then
      fresh[n] = 0
    else
      fresh[n] = 1
      queues[queue] = true
      local delay, raw = tonumber(ARGV[i + 4]), ARGV[i + 5]
      if delay > 0 and ARGV[i + 6] ~= '' and redis.call('HEXISTS', KEYS[8], 'served:' .. queue) == 0 then
        delay, raw = 0, ARGV[i + 6]
      end
      if delay > 0 then
        hold_back(4, list, now_ms() + delay, id, raw)
      else
        local batch = batches[list] or {}
        batch[#batch + 1] = raw
        batches[list] = batch
        wake = wake or ARGV[i + 3] ~= '0'
      end
    end
  end
  for list, batch in pairs(batches) do
    for from = 1, #batch, 1000 do
      redis.call('LPUSH', list, unpack(batch, from, math.min(from + 999, #batch)))
    end
  end
  for queue in pairs(queues) do redis.call('HSETNX', KEYS[8], queue, '') end
  -- Idle workers wait on the lists of priority 0; for the others they are called.
  if wake then redis.call('PUBLISH', 'celeriac:wake', 0) end
  return fresh
end
