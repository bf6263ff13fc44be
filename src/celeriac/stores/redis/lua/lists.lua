-- Included where messages go to lists.

-- The queue of a list.
local function queue_of(list)
  return string.match(list, '^(.*)\6\22%d$') or list
end

-- Put messages at the back ('LPUSH') or the front ('RPUSH') of a list; false where its key is no list.
-- Idle workers are called, once a script, for what comes to lists of other priorities: they wait on those of 0 alone.
local called = false
local function put(side, list, ...)
  if is_of_another_kind(redis.pcall(side, list, ...)) then return false end
  undo[#undo + 1] = {side == 'LPUSH' and 'LPOP' or 'RPOP', list, select('#', ...)}
  if not called and queue_of(list) ~= list then
    called = true
    hints[#hints + 1], hints[#hints + 2] = 'celeriac:wake', 0
  end
  return true
end
