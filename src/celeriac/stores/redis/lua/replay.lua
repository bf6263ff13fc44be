-- Put dead letters back into queues, each once.
-- KEYS  1 dead  2 letters  3 dead counts  4 queues
-- ARGV  1 results db ('' = this one)  2 this db, then for each letter:
--       id, list, queue, raw, key of the result to forget ('' = none)
-- Returns {ids that were there}
-- include: bury
-- include: lists

local replayed, results = {}, {}
for i = 3, #ARGV, 5 do
  if forget_letter(KEYS, ARGV[i]) then
    redis.call('LPUSH', ARGV[i + 1], ARGV[i + 3])
    redis.call('HSETNX', KEYS[4], ARGV[i + 2], '')
    call_for(ARGV[i + 1])
    if ARGV[i + 4] ~= '' then results[#results + 1] = ARGV[i + 4] end
    replayed[#replayed + 1] = ARGV[i]
  end
end
if #results > 0 then
  if ARGV[1] ~= '' then redis.call('SELECT', ARGV[1]) end
  for _, key in ipairs(results) do redis.call('UNLINK', key) end
  if ARGV[1] ~= '' then redis.call('SELECT', ARGV[2]) end
end
return replayed
