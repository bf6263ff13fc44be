-- The messages of a queue that are served next.
-- KEYS  where they lie, in the order in which they are served: a hand-off list and a list for each priority
-- ARGV  1 limit  2 max bytes  3 '1' for the first of each priority only
-- Returns list, raw, list, raw, ...

local left, room, reply = tonumber(ARGV[1]), tonumber(ARGV[2]), {}
for k = 1, #KEYS, 2 do
  local before = #reply
  for place = k, k + 1 do
    local at = -1
    while left > 0 and room > 0 and not (ARGV[3] == '1' and #reply > before) do
      local raw = redis.pcall('LINDEX', KEYS[place], at)
      if not raw or is_of_another_kind(raw) then break end
      reply[#reply + 1], reply[#reply + 2] = KEYS[k + 1], raw
      left, room, at = left - 1, room - #raw, at - 1
    end
  end
end
return reply
