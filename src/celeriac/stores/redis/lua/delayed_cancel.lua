-- Drop delayed messages, and write what became of their tasks.
-- KEYS  1 delayed  2 messages  3 counts  4 ids
-- ARGV  1 results db ('' = this one)  2 this db  3 seconds that results live, then for each: id, result key, document
-- Returns 1 or 0 for each: whether it was there
-- include: counts
-- include: let_go
-- include: documents
-- include: verdict

local reply, verdicts = {}, {}
for i = 4, #ARGV, 3 do
  local there = let_go(1, ARGV[i])
  if there then verdicts[#verdicts + 1], verdicts[#verdicts + 2] = ARGV[i + 1], ARGV[i + 2] end
  reply[#reply + 1] = there and 1 or 0
end
write_verdicts(verdicts, ARGV[1], ARGV[2], ARGV[3])
return reply
