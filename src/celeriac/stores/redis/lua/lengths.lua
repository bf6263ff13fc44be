-- Included where messages are counted.

-- How many messages a list has; a key that is no list has none.
local function length_of(list)
  local length = redis.pcall('LLEN', list)
  return is_of_another_kind(length) and 0 or length
end
