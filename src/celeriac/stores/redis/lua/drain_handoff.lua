-- Bring messages that landed, and that nobody has claimed, back to the front of their lists.
-- KEYS  1 queues
-- Returns how many
-- Keys of lists are computed here: for people, not for hot paths. One that is no list is passed over.

local moved, known = 0, {}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do known[string.match(field, '^served:(.*)$') or field] = true end
for queue in pairs(known) do
  for _, step in ipairs({'', '\6\0223', '\6\0226', '\6\0229'}) do
    local handoff, list = 'celeriac:landing:' .. queue .. step, queue .. step
    while true do
      local raw = redis.pcall('LMOVE', handoff, list, 'LEFT', 'RIGHT')
      if not raw or is_of_another_kind(raw) then break end
      back({'LMOVE', list, handoff, 'RIGHT', 'LEFT'})
      moved = moved + 1
    end
  end
end
return moved
