-- Messages on their way through queues. Lists of ids or numbers are JSON arrays. Statements with
-- plain question marks are performed for many rows: an insertion repeats its row of them.

-- name: known
-- Those of the ids that were accepted in this generation or in the one before.
SELECT value FROM json_each(:ids)
WHERE EXISTS (SELECT 1 FROM accepted WHERE generation IN (:generation, :generation - 1) AND id = value);

-- name: accept
INSERT INTO accepted (generation, id) SELECT :generation, value FROM json_each(:ids);

-- name: last_message
SELECT coalesce(max(number), 0) FROM message;

-- name: add_messages
INSERT INTO message (number, raw) VALUES (?, ?);

-- name: change_message
UPDATE message SET raw = ? WHERE number = ?;

-- name: drop_messages
DELETE FROM message WHERE number IN (SELECT value FROM json_each(:numbers));

-- name: last_position
SELECT coalesce(max(position), 0) FROM ready WHERE queue = :queue AND priority = :priority;

-- name: first_position
SELECT coalesce(min(position), 1) FROM ready WHERE queue = :queue AND priority = :priority;

-- name: push
INSERT INTO ready (queue, priority, position, message) VALUES (?, ?, ?, ?);

-- name: waiting
SELECT ready.priority, ready.position, ready.message, message.raw
FROM ready JOIN message ON message.number = ready.message
WHERE ready.queue = :queue ORDER BY ready.priority, ready.position LIMIT :limit;

-- name: claimable
-- The same; nothing where the queue is paused.
SELECT ready.priority, ready.position, ready.message, message.raw
FROM ready JOIN message ON message.number = ready.message
WHERE ready.queue = :queue AND NOT EXISTS (SELECT 1 FROM paused WHERE queue = :queue)
ORDER BY ready.priority, ready.position LIMIT :limit;

-- name: take
-- Up to and including the message at this priority and position.
DELETE FROM ready WHERE queue = :queue AND (priority, position) <= (:priority, :position);

-- name: stats
SELECT queue, sum(ready), sum(delayed), sum(claimed), sum(dead), 0, sum(failed) FROM (
    SELECT queue, count(*) AS ready, 0 AS delayed, 0 AS claimed, 0 AS dead, 0 AS failed FROM ready GROUP BY queue
    UNION ALL SELECT queue, 0, count(*), 0, 0, 0 FROM delayed GROUP BY queue
    UNION ALL SELECT queue, 0, 0, count(*), 0, 0 FROM claim GROUP BY queue
    UNION ALL SELECT queue, 0, 0, 0, count(*) - sum(failed), sum(failed) FROM dead GROUP BY queue
) GROUP BY queue ORDER BY queue;

-- name: forget_accepted
DELETE FROM accepted
WHERE (generation, id) IN (SELECT generation, id FROM accepted WHERE generation < :oldest LIMIT :limit);
