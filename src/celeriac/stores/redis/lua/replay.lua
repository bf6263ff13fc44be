-- Put dead letters back into queues, each once.
-- KEYS  1 dead  2 letters  3 dead counts  4 queues
-- ARGV  1 results db ('' = this one)  2 this db, then for each letter:
--       id, list, queue, raw, key of the result to forget ('' = none)
-- Returns {ids that were there}
-- include: counts
-- include: bury
-- include: lists
-- include: documents

local replayed, results = {}, {}
for i = 3, #ARGV, 5 do
  if forget_letter(KEYS, ARGV[i]) then
    if not put('LPUSH', ARGV[i + 1], ARGV[i + 3]) then
      error({err = 'WRONGTYPE the key of the queue is no list: ' .. ARGV[i + 1]})
    end
    if redis.call('HSETNX', KEYS[4], ARGV[i + 2], '') == 1 then back({'HDEL', KEYS[4], ARGV[i + 2]}) end
    if ARGV[i + 4] ~= '' then results[#results + 1] = ARGV[i + 4] end
    replayed[#replayed + 1] = ARGV[i]
  end
end
if #results > 0 then
  -- Last of all: what is dropped cannot be taken back.
  if ARGV[1] ~= '' then go(ARGV[1], ARGV[2]) end
  for from = 1, #results, 1000 do
    redis.call('UNLINK', unpack(results, from, math.min(from + 999, #results)))
  end
end
return replayed
