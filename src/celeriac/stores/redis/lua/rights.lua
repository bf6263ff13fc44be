-- Try every command that the scripts use, on keys of its own, and tell which ones this user is denied. Run at a
-- worker's start: a script that is denied a command half-way would have done the other half.
-- KEYS  1 a string  2 a list  3 a hash  4 a set  5 a sorted set  6 another list; none of them is used by anything else
-- ARGV  1 key of a result that nobody has, and its channel  2 the channel of calls  3 results db ('' = this one)
--       4 this db
-- Returns {what was tried, the server's words, ...} of what was refused

local refused = {}
local function try(name, command, ...)
  local reply = redis.pcall(command, ...)
  if type(reply) == 'table' and reply.err then
    refused[#refused + 1], refused[#refused + 2] = name, reply.err
  end
end
local text, list, hash, set, zset, other = unpack(KEYS)
for _, words in ipairs({
  {'TIME'},
  {'SET', text, '', 'EX', 1}, {'GET', text}, {'PERSIST', text}, {'EXPIRE', text, 1},
  {'PEXPIREAT', text, 1},
  {'LPUSH', list, '1'}, {'RPUSH', list, '2'}, {'LLEN', list}, {'LINDEX', list, 0}, {'LRANGE', list, 0, -1},
  {'LMOVE', list, other, 'LEFT', 'RIGHT'}, {'RENAME', list, list}, {'RPOP', list, 1},
  {'LPOP', list, 1}, {'LTRIM', list, 1, 0},
  {'HSET', hash, 'a', 1}, {'HSETNX', hash, 'b', 1}, {'HMSET', hash, 'c', 1}, {'HGET', hash, 'a'},
  {'HMGET', hash, 'a', 'b'},
  {'HINCRBY', hash, 'a', 1}, {'HEXISTS', hash, 'a'}, {'HLEN', hash}, {'HKEYS', hash}, {'HVALS', hash},
  {'HGETALL', hash}, {'HDEL', hash, 'a'},
  {'SADD', set, 'a'}, {'SISMEMBER', set, 'a'}, {'SMISMEMBER', set, 'a', 'b'}, {'SREM', set, 'a'},
  {'ZADD', zset, 1, 'a'}, {'ZRANGE', zset, 0, -1}, {'ZSCORE', zset, 'a'}, {'ZRANK', zset, 'a'},
  {'ZCOUNT', zset, 0, 1}, {'ZCARD', zset}, {'ZINCRBY', zset, 1, 'a'}, {'ZREM', zset, 'a'},
  {'ZREMRANGEBYSCORE', zset, 0, 1},
  {'EXISTS', text, list}, {'DEL', list}, {'UNLINK', text, list, hash, set, zset, other},
}) do
  try(words[1], unpack(words))
end
try('PUBLISH', 'PUBLISH', ARGV[2], 'rights')
local elsewhere = ARGV[3] ~= '' and not redis.pcall('SELECT', ARGV[3]).err
if ARGV[3] ~= '' and not elsewhere then try('SELECT', 'SELECT', ARGV[3]) end
try('a result', 'SET', ARGV[1], '', 'EX', 1)
try('a result', 'GET', ARGV[1])
try('PUBLISH', 'PUBLISH', ARGV[1], '')
try('a result', 'UNLINK', ARGV[1])
if elsewhere then redis.call('SELECT', ARGV[4]) end
return refused
