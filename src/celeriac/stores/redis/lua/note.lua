-- Write the documents of tasks that no worker speaks for, in the database of the results.
-- KEYS  none: result keys are written by their names, as where a worker writes them
-- ARGV  1 seconds that results live, then for each task: result key, document
-- Returns nothing
-- include: documents
-- include: verdict

heeds_memory = true
write_verdicts({unpack(ARGV, 2)}, '', '', ARGV[1])
