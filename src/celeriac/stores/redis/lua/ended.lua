-- Included where a lease ends, after `counts` and `fields`: forget the worker and that it served its queues.
-- `queues` is the HASH that holds `served:<queue>` counters.

local function forget_worker(leases, heartbeats, workers, queues, sessions, told, worker)
  local readable, record = pcall(cjson.decode, drop_field(workers, worker) or '{}')
  for _, queue in ipairs(readable and record.queues or {}) do count(queues, 'served:' .. queue, -1) end
  for _, hash in ipairs({leases, heartbeats, sessions, told}) do drop_field(hash, worker) end
end
