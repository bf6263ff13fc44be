-- Put dead letters back into queues, each once.
-- KEYS  1 dead  2 letters  3 dead counts  4 queues
-- ARGV  1 results db ('' = this one)  2 this db, then for each letter:
--       id, list, queue, priority, raw, key of the result to forget ('' = none)
-- Returns {ids that were there}
-- include: bury

local replayed, results, wake = {}, {}, false
for i = 3, #ARGV, 6 do
  if forget_letter(1, ARGV[i]) then
    redis.call('LPUSH', ARGV[i + 1], ARGV[i + 4])
    redis.call('HSETNX', KEYS[4], ARGV[i + 2], '')
    wake = wake or ARGV[i + 3] ~= '0'
    if ARGV[i + 5] ~= '' then results[#results + 1] = ARGV[i + 5] end
    replayed[#replayed + 1] = ARGV[i]
  end
end
if #results > 0 then
  if ARGV[1] ~= '' then redis.call('SELECT', ARGV[1]) end
  for _, key in ipairs(results) do redis.call('UNLINK', key) end
  if ARGV[1] ~= '' then redis.call('SELECT', ARGV[2]) end
end
if wake then redis.call('PUBLISH', 'celeriac:wake', 0) end
return replayed
