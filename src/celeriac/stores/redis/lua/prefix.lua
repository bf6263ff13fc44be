-- Put in front of a script where all keys have a prefix; the script knows nothing of it.
-- Needs KEY_PREFIX and RESULTS_PREFIX. KEYS come with the first and lose it here; `redis.call` and `redis.pcall` put
-- it in front of keys and channels, and the other one in front of those of results.

for i, key in ipairs(KEYS) do KEYS[i] = string.sub(key, #KEY_PREFIX + 1) end
local server = redis
-- Which arguments are keys, of commands where it is not the first alone: the last of them, -1 for all.
local LAST_KEY = {TIME = 0, SELECT = 0, EXISTS = -1, DEL = -1, UNLINK = -1, MGET = -1, LMOVE = 2, RENAME = 2, COPY = 2,
  RPOPLPUSH = 2, BLMOVE = 2, SMOVE = 2}

local function with_prefix(key)
  local is_result = string.sub(key, 1, 17) == 'celery-task-meta-' or string.sub(key, 1, 20) == 'celery-taskset-meta-'
  return (is_result and RESULTS_PREFIX or KEY_PREFIX) .. key
end

local function prefixed(name, ...)
  local words = {...}
  local last = LAST_KEY[string.upper(name)] or 1
  if last == -1 then last = #words end
  for i = 1, math.min(last, #words) do words[i] = with_prefix(words[i]) end
  return name, unpack(words)
end

local redis = setmetatable({
  call = function(...) return server.call(prefixed(...)) end,
  pcall = function(...) return server.pcall(prefixed(...)) end,
}, {__index = server})

