-- Delayed messages by their ids.
-- KEYS  1 delayed  2 messages
-- ARGV  the ids
-- Returns {due, list, raw} for each, {} where there is none

local reply = {}
for n, id in ipairs(ARGV) do
  local value = redis.call('HGET', KEYS[2], id)
  if value then
    local list, raw = string.match(value, '^([^\n]*)\n(.*)$')
    reply[n] = {redis.call('ZSCORE', KEYS[1], id), list, raw}
  else
    reply[n] = {}
  end
end
return reply
