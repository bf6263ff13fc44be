-- Included where documents of tasks are written.

-- Go to the database of the results ('' = this one).
local function go_to(results_db, this_db)
  if results_db == '' then return end
  redis.call('SELECT', results_db)
  back({'SELECT', this_db})
end

-- Return from there.
local function come_back(results_db, this_db)
  if results_db == '' then return end
  redis.call('SELECT', this_db)
  back({'SELECT', results_db})
end

-- Write a document; the reply is the one before, so that it can be written again.
local function write_document(key, document, seconds)
  local before = redis.pcall('SET', key, document, 'EX', seconds, 'GET')
  if is_of_another_kind(before) then
    before = false
    redis.call('SET', key, document, 'EX', seconds)
  end
  back(before and {'SET', key, before, 'KEEPTTL'} or {'DEL', key})
end
