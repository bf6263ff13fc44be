-- Included where documents of tasks are written.

-- Go from this database to that of the results, or back; what is taken back later is taken back where it was.
local function go(to, from)
  redis.call('SELECT', to)
  back({'SELECT', from})
end

-- Write documents, {key, document, key, document, ...}, and tell those who wait for them. The databases are those of
-- the results ('' = this one) and this one. Each SET brings the document before, so that it can be written again.
local function write_documents(documents, results_db, this_db, seconds)
  if #documents == 0 then return end
  if results_db ~= '' then go(results_db, this_db) end
  local written, before = 0, {}
  undo[#undo + 1] = function(take_back)
    for n = written, 1, -2 do
      if before[n] then take_back('SET', documents[n], before[n], 'KEEPTTL') else take_back('DEL', documents[n]) end
    end
  end
  for n = 1, #documents, 2 do
    local key, document = documents[n], documents[n + 1]
    local old = redis.pcall('SET', key, document, 'EX', seconds, 'GET')
    if is_of_another_kind(old) then redis.call('SET', key, document, 'EX', seconds) else before[n] = old end
    written = n
    hints[#hints + 1], hints[#hints + 2] = key, document
  end
  if results_db ~= '' then go(this_db, results_db) end
end
