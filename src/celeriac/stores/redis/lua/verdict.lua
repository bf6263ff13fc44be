-- Included where a task is ended that no worker holds; after `documents`.

-- As `celeriac.message.final` does it. A compressed one counts as final: ours are, and these scripts cannot unpack.
local function is_final(document)
  local head = string.sub(document, 1, 40)
  local marks = {'"status":"%s"', '"status": "%s"', '\166status\167%s', 'status\148\140\7%s', 'statusq\1X\7...%s'}
  if string.sub(document, 1, 19) == '\0celery-compressed\0' then return true end
  for _, state in ipairs({'SUCCESS', 'FAILURE', 'REVOKED'}) do
    for _, mark in ipairs(marks) do
      if string.find(head, (string.gsub(mark, '%%s', state))) then return true end
    end
    if string.find('\n' .. document, '\nstatus: ' .. state .. '\n', 1, true) then return true end
  end
  return false
end

-- Write documents where there is no final one. `verdicts` is {key, document, key, document, ...}; the databases
-- are those of the results ('' = this one) and this one.
local function write_verdicts(verdicts, results_db, this_db, seconds)
  if #verdicts == 0 then return end
  local documents = {}
  if results_db ~= '' then go(results_db, this_db) end
  for i = 1, #verdicts, 2 do
    local before = redis.pcall('GET', verdicts[i])
    if is_of_another_kind(before) or not is_final(before or '') then
      documents[#documents + 1], documents[#documents + 2] = verdicts[i], verdicts[i + 1]
    end
  end
  if results_db ~= '' then go(this_db, results_db) end
  write_documents(documents, results_db, this_db, seconds)
end
