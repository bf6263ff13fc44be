-- Included where claims go to those who do not know what has begun.

-- A claim's value, with an `s` behind its time where it has begun: it was marked, or it came from one that died so.
local function with_mark(started, id, value)
  if redis.call('SISMEMBER', started, id) == 0 then return value end
  local flags_end = string.match(value, '^[^\n]*\n%d*()\n')
  if not flags_end then return value end
  return string.sub(value, 1, flags_end - 1) .. 's' .. string.sub(value, flags_end)
end
