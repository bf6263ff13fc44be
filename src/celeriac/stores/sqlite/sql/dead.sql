-- Dead letters. Times are in milliseconds since 1970.

-- name: bury
INSERT INTO dead (id, queue, raw, reason, buried) VALUES (?, ?, ?, ?, ?);

-- name: dead_ids
-- Those of the ids that letters have.
SELECT id FROM dead WHERE id IN (SELECT value FROM json_each(:ids));

-- name: expire_dead
DELETE FROM dead WHERE buried <= :oldest
OR number <= (SELECT number FROM dead ORDER BY number DESC LIMIT 1 OFFSET :limit);

-- name: dead
SELECT id, queue, raw, reason, buried, number FROM dead
WHERE (:after = 0 OR number < :after) AND buried > :oldest ORDER BY number DESC LIMIT :limit;

-- name: read_dead
SELECT id, queue, raw, reason, buried, number FROM dead WHERE id = :id AND buried > :oldest;

-- name: drop_dead
DELETE FROM dead WHERE id = :id;
