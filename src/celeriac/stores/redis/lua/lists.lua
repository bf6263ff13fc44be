-- Included where messages go to lists by other ways than `accept`.

-- The queue of a list, and whether idle workers have to be called for what comes to it: they wait on priority 0 alone.
local function read_list(list)
  local queue = string.match(list, '^(.*)\6\22%d$')
  return queue or list, queue ~= nil
end

local function call_workers()
  redis.call('PUBLISH', 'celeriac:wake', 0)
end
