-- Included where messages go to lists whose keys may hold something else; after `clock`, `lists` and `bury`.

-- A message of a list that is none, among the dead letters: nothing is lost by it, and nobody else is held up.
local function set_aside(letters, list, id, raw, limit, ms)
  local known = cjson.encode({
    id = '', queue = '', raw = '', cause = 'refused', task = string.match(raw, '"task": ?"([^"\\]*)"') or '',
    reason = 'the key of the queue in Redis is no list: ' .. list,
    priority = tonumber(string.match(list, '\6\22(%d)$')) or 0,
  })
  bury(letters, id, queue_of(list), known, raw, now_ms(), limit, ms)
end

-- Put a message at the back or the front of its list, or set it aside. Without an id it is under that of its task.
local function deliver(letters, side, list, id, raw, limit, ms)
  if put(side, list, raw) then return end
  set_aside(letters, list, id or string.match(raw, '"id": ?"([^"\\]+)"') or 'nameless', raw, limit, ms)
end

-- Give a worker's claims, as its hash holds them, back to the front of their lists; the hash itself is left.
local function give_back(letters, held, limit, ms)
  local order = {}
  for i = 1, #held, 2 do
    order[#order + 1] = {tonumber(string.match(held[i], ':(%d+)$')), held[i + 1]}
  end
  table.sort(order, function(a, b) return a[1] > b[1] end)
  for _, entry in ipairs(order) do
    local list, raw = string.match(entry[2], '^([^\n]*)\n[^\n]*\n(.*)$')
    deliver(letters, 'RPUSH', list, nil, raw, limit, ms)
  end
end
