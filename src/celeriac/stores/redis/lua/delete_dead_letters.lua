-- Delete dead letters.
-- KEYS  1 dead  2 letters  3 dead counts
-- ARGV  the ids
-- Returns {ids that were there}
-- include: counts
-- include: bury

local dropped = {}
for _, id in ipairs(ARGV) do
  if forget_letter(KEYS, id) then dropped[#dropped + 1] = id end
end
return dropped
