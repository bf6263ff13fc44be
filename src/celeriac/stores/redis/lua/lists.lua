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
    redis.call('PUBLISH', 'celeriac:wake', 0)
  end
end
