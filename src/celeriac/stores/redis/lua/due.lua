-- Included where workers learn how long to wait; after `clock`.

-- Milliseconds until the earliest delayed message is due, or -1.
local function next_due(delayed)
  local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
  if #first == 0 then return -1 end
  return math.max(0, first[2] - now_ms())
end
