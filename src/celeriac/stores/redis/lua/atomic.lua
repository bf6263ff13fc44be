-- In front of every script, whose text becomes the function `script` (`scripts.script` puts the two together).
-- Redis keeps what a script has written when a later call is refused: by a key of another kind, a right that the user
-- lacks, memory that is full. Here a script happens wholly or not at all. Each write is followed by `back`, unless no
-- call comes after it; what is only said to others waits until nothing can be refused any more.

local undo, hints = {}, {}

-- Producers set it: what takes memory is refused then, while workers go on, and so make room.
local heeds_memory = false

-- A command that takes the write before it back: one that was used before, or is not used for anything else, so that
-- a right that is missing is missed while nothing is written. What was dropped from a hash comes back by HMSET.
local function back(command)
  undo[#undo + 1] = command
end

-- Publish something at the end. Nobody depends on it: it may be refused.
local function hint(channel, word)
  hints[#hints + 1] = channel
  hints[#hints + 1] = word
end

-- Count up or down in a hash; a count of nothing is no field.
local function count(hash, field, by)
  local new = redis.call('HINCRBY', hash, field, by)
  back(new == by and {'HDEL', hash, field} or {'HINCRBY', hash, field, -by})
  if new <= 0 then redis.call('HDEL', hash, field) end
end

-- Whether a reply says that a key holds something of another kind; any other refusal is raised again.
local function is_of_another_kind(reply)
  if type(reply) ~= 'table' or not reply.err then return false end
  if not string.find(reply.err, 'WRONGTYPE', 1, true) then error(reply) end
  return true
end

-- Take everything back, the last write first; nil, or what was refused.
local function take_back()
  local refused
  for n = #undo, 1, -1 do
    local command = undo[n]
    -- Lua passes on no more than some thousand words at once.
    for from = 3, math.max(3, #command), 1000 do
      local reply = redis.pcall(command[1], command[2], unpack(command, from, math.min(from + 999, #command)))
      refused = refused or type(reply) == 'table' and reply.err or nil
    end
  end
  return refused
end

local function whole(script)
  local done, reply = pcall(script)
  local why = not done and (type(reply) == 'table' and reply.err or tostring(reply))
  if why and not heeds_memory and #undo == 0 and string.find(why, 'OOM ', 1, true) then
    -- A server that is full refuses what takes memory only as long as the script has written nothing.
    redis.call('PERSIST', KEYS[1])
    undo, hints = {}, {}
    done, reply = pcall(script)
    why = not done and (type(reply) == 'table' and reply.err or tostring(reply))
  end
  if done then
    for n = 1, #hints, 2 do redis.pcall('PUBLISH', hints[n], hints[n + 1]) end
    return reply
  end
  local refused = take_back()
  why = string.gsub(why, '^@?user_script: ?%d+: ?%-?', '')
  if refused then why = 'HALFDONE ' .. why .. '; and it could not be taken back: ' .. refused end
  return {err = why}
end
