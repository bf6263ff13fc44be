-- Accept messages; an id accepted before is dropped.
-- KEYS  1 sent:0  2 sent:1  3 sent:now  4 delayed  5 messages  6 counts  7 ids  8 queues
-- ARGV  1 memory in seconds, then for each message: id, list, queue, delay ms, raw, eta raw ('' for none)
-- Returns one number a message: 1 new, 0 accepted before.
-- Ids are kept in two sets that take turns, so that forgetting costs one UNLINK a period and no key a message.
-- include: clock
-- include: counts
-- include: delayed
-- include: lists
-- include: accept

return accept(ARGV[1], 2)
