-- Messages held back. Times are in milliseconds since 1970.

-- name: delay
INSERT INTO delayed (due, message, queue, priority, id) VALUES (?, ?, ?, ?, ?);

-- name: delayed_ids
-- Those of the ids that delayed messages have.
SELECT id FROM delayed WHERE id IN (SELECT value FROM json_each(:ids));

-- name: attempts
-- The ids of a task's delayed messages, and perhaps others that begin alike.
SELECT number, message, id FROM delayed
WHERE id = :task OR (id > :task || '#' AND id < :task || '$') OR (id > :task || ':' AND id < :task || ';');

-- name: next_due
SELECT min(due) FROM delayed;

-- name: horizon
SELECT (SELECT min(due) FROM delayed), (SELECT number FROM revision);

-- name: due
SELECT number, queue, priority, message FROM delayed WHERE due <= :now ORDER BY due, number LIMIT :limit;

-- name: drop_delayed
DELETE FROM delayed WHERE number IN (SELECT value FROM json_each(:numbers));

-- name: delayed_by_due
-- Those that follow a time and an id.
SELECT delayed.id, delayed.queue, message.raw, delayed.priority, delayed.due
FROM delayed JOIN message ON message.number = delayed.message
WHERE (delayed.due, delayed.id) > (:due, :id) ORDER BY delayed.due, delayed.id LIMIT :limit;

-- name: delayed_by_id
-- Those whose ids follow one and are before another.
SELECT delayed.id, delayed.queue, message.raw, delayed.priority, delayed.due
FROM delayed JOIN message ON message.number = delayed.message
WHERE delayed.id > :id AND delayed.id >= :prefix AND delayed.id < :end ORDER BY delayed.id LIMIT :limit;

-- name: delayed_of
SELECT delayed.id, delayed.queue, message.raw, delayed.priority, delayed.due
FROM delayed JOIN message ON message.number = delayed.message
WHERE delayed.id IN (SELECT value FROM json_each(:ids));

-- name: delayed_rows
SELECT id, number, message, queue, due FROM delayed WHERE id IN (SELECT value FROM json_each(:ids));

-- name: adjust
UPDATE delayed SET due = ?, queue = ? WHERE number = ?;
