-- End tasks that are delayed, and remember that others are revoked.
-- KEYS  1 delayed  2 messages  3 counts  4 ids  5 sessions  6 revocations (ZSET task -> revision)
--       7 ends (ZSET task -> ms)  8 entries (HASH task -> terminate \n signal \n document)
-- ARGV  1 results db ('' = this one)  2 this db  3 seconds that results live, then for each revocation:
--       task, result key, document, '1' to terminate, signal, ms to remember it
-- Returns {tasks ended}
-- include: clock
-- include: counts
-- include: let_go
-- include: fields
-- include: documents
-- include: verdict

-- Both take writes back: whether this user may is found out while there are none.
redis.call('HDEL', KEYS[8], '\n')
redis.call('ZREM', KEYS[6], '\n')
-- What is over may go, whatever becomes of the rest; the set that names it lets go last.
local now = now_ms()
for _, task in ipairs(redis.call('ZRANGE', KEYS[7], '-inf', now, 'BYSCORE', 'LIMIT', 0, 1000)) do
  redis.call('ZREM', KEYS[6], task)
  redis.call('HDEL', KEYS[8], task)
  redis.call('ZREM', KEYS[7], task)
end

-- Give a member of a sorted set another score.
local function set_score(set, score, member)
  local before = redis.call('ZSCORE', set, member)
  redis.call('ZADD', set, score, member)
  back(before and {'ZADD', set, before, member} or {'ZREM', set, member})
end

-- The ids of the delayed messages of a task: it, it and the number of an attempt or a requeue, copies of those.
local function attempts(task)
  local ids = {}
  if redis.call('HEXISTS', KEYS[2], task) == 1 then ids[1] = task end
  for from, till in pairs({[':'] = ';', ['#'] = '$'}) do
    for _, id in ipairs(redis.call('ZRANGE', KEYS[4], '[' .. task .. from, '(' .. task .. till, 'BYLEX')) do
      local rest = string.gsub(string.sub(id, #task + 1), '#%d+$', '')
      if rest == '' or string.match(rest, '^:%d+$') or string.match(rest, '^:%d+:requeue:%d+$') then
        ids[#ids + 1] = id
      end
    end
  end
  return ids
end

-- All that goes goes first, with the commands that would take back what is remembered after it.
local ended, verdicts, remembered = {}, {}, {}
for i = 4, #ARGV, 6 do
  local ids = attempts(ARGV[i])
  for _, id in ipairs(ids) do let_go(1, id) end
  if #ids > 0 then
    ended[#ended + 1] = ARGV[i]
    verdicts[#verdicts + 1], verdicts[#verdicts + 2] = ARGV[i + 1], ARGV[i + 2]
  else
    remembered[#remembered + 1] = i
  end
end
for _, i in ipairs(remembered) do
  local revision = redis.call('HINCRBY', KEYS[5], '', 1)
  back(revision == 1 and {'HDEL', KEYS[5], ''} or {'HINCRBY', KEYS[5], '', -1})
  set_score(KEYS[6], revision, ARGV[i])
  set_score(KEYS[7], now + ARGV[i + 5], ARGV[i])
  set_field(KEYS[8], ARGV[i], ARGV[i + 3] .. '\n' .. ARGV[i + 4] .. '\n' .. ARGV[i + 2])
end
if #remembered > 0 then
  local last = redis.call('ZRANGE', KEYS[7], 0, 0, 'REV', 'WITHSCORES')[2]
  for k = 6, 8 do redis.call('PEXPIREAT', KEYS[k], last) end
  hints[#hints + 1], hints[#hints + 2] = 'celeriac:wake', 'news'
end
write_verdicts(verdicts, ARGV[1], ARGV[2], ARGV[3])
return ended
