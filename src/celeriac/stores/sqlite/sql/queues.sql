-- Messages on their way through queues. Lists of ids or numbers are JSON arrays; a row of plain question
-- marks is repeated for as many rows as there are.

-- name: known
-- ?1 ids, ?2 the present generation: those accepted in it or in the one before.
SELECT value FROM json_each(?1)
WHERE EXISTS (SELECT 1 FROM accepted WHERE generation IN (?2, ?2 - 1) AND id = value);

-- name: accept
-- ?1 ids, ?2 the present generation.
INSERT INTO accepted (generation, id) SELECT ?2, value FROM json_each(?1);

-- name: last_message
SELECT coalesce(max(number), 0) FROM message;

-- name: add_messages
INSERT INTO message (number, raw) VALUES (?, ?);

-- name: change_message
UPDATE message SET raw = ?2 WHERE number = ?1;

-- name: drop_messages
DELETE FROM message WHERE number IN (SELECT value FROM json_each(?1));

-- name: last_position
-- ?1 queue, ?2 priority.
SELECT coalesce(max(position), 0) FROM ready WHERE queue = ?1 AND priority = ?2;

-- name: first_position
-- ?1 queue, ?2 priority.
SELECT coalesce(min(position), 1) FROM ready WHERE queue = ?1 AND priority = ?2;

-- name: push
INSERT INTO ready (queue, priority, position, message) VALUES (?, ?, ?, ?);

-- name: waiting
-- ?1 queue, ?2 how many at most.
SELECT ready.priority, ready.position, ready.message, message.raw
FROM ready JOIN message ON message.number = ready.message
WHERE ready.queue = ?1 ORDER BY ready.priority, ready.position LIMIT ?2;

-- name: take
-- ?1 queue, ?2 and ?3 priority and position of the last message taken.
DELETE FROM ready WHERE queue = ?1 AND (priority, position) <= (?2, ?3);

-- name: delay
INSERT INTO delayed (due, message, queue, priority) VALUES (?, ?, ?, ?);

-- name: next_due
SELECT min(due) FROM delayed;

-- name: due
-- ?1 now, ?2 how many at most.
SELECT number, queue, priority, message FROM delayed WHERE due <= ?1 ORDER BY due, number LIMIT ?2;

-- name: drop_delayed
DELETE FROM delayed WHERE number IN (SELECT value FROM json_each(?1));

-- name: bury
INSERT INTO dead (id, queue, raw, reason) VALUES (?, ?, ?, ?);

-- name: dead
-- ?1 how many at most.
SELECT id, queue, raw, reason FROM dead ORDER BY number DESC LIMIT ?1;

-- name: stats
SELECT queue, sum(ready), sum(delayed), sum(claimed), sum(dead) FROM (
    SELECT queue, count(*) AS ready, 0 AS delayed, 0 AS claimed, 0 AS dead FROM ready GROUP BY queue
    UNION ALL SELECT queue, 0, count(*), 0, 0 FROM delayed GROUP BY queue
    UNION ALL SELECT queue, 0, 0, count(*), 0 FROM claim GROUP BY queue
    UNION ALL SELECT queue, 0, 0, 0, count(*) FROM dead GROUP BY queue
) GROUP BY queue ORDER BY queue;

-- name: forget_accepted
-- ?1 the oldest generation that still counts, ?2 how many at most.
DELETE FROM accepted WHERE (generation, id) IN (SELECT generation, id FROM accepted WHERE generation < ?1 LIMIT ?2);
