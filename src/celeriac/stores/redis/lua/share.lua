-- Find the call of a key, or make this one it.
-- KEYS  1 sent:0  2 sent:1  3 sent:now  4 delayed  5 messages  6 counts  7 ids  8 queues
--       9 the key (STRING made-ms \n task)
-- ARGV  1 results db ('' = this one)  2 this db  3 seconds that results live  4 ms that the key stands for the call
--       5 task  6 the task whose call is stale ('' for none)  7 prefix of result keys  8 document
--       9 memory of ids in seconds, then the message: id, list, queue, delay ms, raw, eta raw ('' for none)
-- Returns {task, age in ms, its document}
-- include: clock
-- include: counts
-- include: delayed
-- include: lists
-- include: accept
-- include: documents

local now = now_ms()
local value = redis.call('GET', KEYS[9])
local made, task = string.match(value or '', '^(%d+)\n(.*)$')
local ours = (not task or task == ARGV[6]) and accept(ARGV[9], 10)[1] == 1
if ours then
  made, task = now, ARGV[5]
  redis.call('SET', KEYS[9], string.format('%d\n%s', now, task), 'PX', ARGV[4])
  back(value and {'SET', KEYS[9], value, 'KEEPTTL'} or {'DEL', KEYS[9]})
end
made, task = made or now, task or ARGV[5]
if ours then write_documents({ARGV[7] .. task, ARGV[8]}, ARGV[1], ARGV[2], ARGV[3]) end
if ARGV[1] ~= '' then go(ARGV[1], ARGV[2]) end
return {task, now - made, redis.call('GET', ARGV[7] .. task)}
