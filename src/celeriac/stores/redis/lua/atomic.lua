-- Around every script, whose text comes in place of the line `script` below (`scripts.script` puts it there).
-- Redis keeps what a script has written when a later call is refused: by a key of another kind, a right that the user
-- lacks, memory that is full. Here a script happens wholly or not at all. Each write is followed by `back`, unless no
-- call comes after it; what is only said to others, `hints`, waits until nothing can be refused any more.

-- What takes the writes back, the last one first: commands, and functions for what hot paths write many of.
local undo = {}

-- What is published at the end, as {channel, word, ...}. Nobody depends on it: it may be refused.
local hints = {}

-- Producers set it: what takes memory is refused then, while workers go on, and so make room.
local heeds_memory = false

-- A command that takes the write before it back: one that was used before, or is not used for anything else, so that
-- a right that is missing is missed while nothing is written. So what was dropped from a hash comes back by HMSET, and
-- what was dropped from a sorted set by ZINCRBY.
local function back(command)
  undo[#undo + 1] = command
end

-- Whether a reply says that a key holds something of another kind; any other refusal is raised again.
local function is_of_another_kind(reply)
  if type(reply) ~= 'table' or not reply.err then return false end
  if not string.find(reply.err, 'WRONGTYPE', 1, true) then error(reply) end
  return true
end

local function script()
-- script
end

local why, refused
local function take_back(...)
  local answer = redis.pcall(...)
  refused = refused or type(answer) == 'table' and answer.err or nil
end

for attempt = 1, 2 do
  local done, reply = pcall(script)
  if done then
    for n = 1, #hints, 2 do redis.pcall('PUBLISH', hints[n], hints[n + 1]) end
    return reply
  end
  why = type(reply) == 'table' and reply.err or tostring(reply)
  for n = #undo, 1, -1 do
    local command = undo[n]
    if type(command) == 'function' then
      command(take_back)
    else
      -- Lua passes on no more than some thousand words at once.
      for from = 3, math.max(3, #command), 1000 do
        take_back(command[1], command[2], unpack(command, from, math.min(from + 999, #command)))
      end
    end
  end
  undo, hints = {}, {}
  if refused or heeds_memory or not string.find(why, 'OOM ', 1, true) then break end
  -- A server that is full refuses what takes memory only as long as a script has written nothing.
  redis.pcall('PERSIST', KEYS[1])
end
why = string.gsub(why, '^@?user_script: ?%d+: ?%-?', '')
if refused then why = 'HALFDONE ' .. why .. '; and it could not be taken back: ' .. refused end
return {err = why}
