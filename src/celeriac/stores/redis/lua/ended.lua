-- Included where a lease ends: forget the worker and that it served its queues.
-- `queues` is the HASH that holds `served:<queue>` counters.

local function forget_worker(leases, beats, workers, queues, floors, told, worker)
  local record = redis.call('HGET', workers, worker)
  if record then
    for _, queue in ipairs(cjson.decode(record).queues or {}) do
      if redis.call('HINCRBY', queues, 'served:' .. queue, -1) <= 0 then
        redis.call('HDEL', queues, 'served:' .. queue)
      end
    end
  end
  redis.call('HDEL', leases, worker)
  redis.call('HDEL', beats, worker)
  redis.call('HDEL', workers, worker)
  redis.call('HDEL', floors, worker)
  redis.call('HDEL', told, worker)
end
