-- Included where messages go to lists.

-- The queue of a list.
local function queue_of(list)
  return string.match(list, '^(.*)\6\22%d$') or list
end

-- Call idle workers, once a script, for what comes to a list: they wait on those of priority 0 alone.
local called = false
local function call_for(list)
  if not called and queue_of(list) ~= list then
    called = true
    hint('celeriac:wake', 0)
  end
end

-- Put messages at the back ('LPUSH') or the front ('RPUSH') of a list; false where its key is no list.
local function put(side, list, ...)
  if is_of_another_kind(redis.pcall(side, list, ...)) then return false end
  back({side == 'LPUSH' and 'LPOP' or 'RPOP', list, select('#', ...)})
  call_for(list)
  return true
end

-- How many messages a list has; a key that is no list has none.
local function length_of(list)
  local length = redis.pcall('LLEN', list)
  return is_of_another_kind(length) and 0 or length
end
