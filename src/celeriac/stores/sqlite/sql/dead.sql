-- Dead letters, and those of failed tasks (failed = 1). Times are in milliseconds since 1970.

-- name: bury
INSERT INTO dead (failed, id, queue, raw, reason, buried) VALUES (?, ?, ?, ?, ?, ?);

-- name: dead_ids
-- Those of the ids that letters have.
SELECT id FROM dead WHERE failed = 0 AND id IN (SELECT value FROM json_each(:ids));

-- name: failed_ids
SELECT id FROM dead WHERE failed = 1 AND id IN (SELECT value FROM json_each(:ids));

-- name: expire_dead
DELETE FROM dead WHERE failed = :failed AND (buried <= :oldest
OR number <= (SELECT number FROM dead WHERE failed = :failed ORDER BY number DESC LIMIT 1 OFFSET :limit));

-- name: dead
SELECT id, queue, raw, reason, buried, number FROM dead
WHERE failed = :failed AND (:after = 0 OR number < :after) AND buried > :oldest ORDER BY number DESC LIMIT :limit;

-- name: read_dead
SELECT id, queue, raw, reason, buried, number FROM dead WHERE failed = :failed AND id = :id AND buried > :oldest;

-- name: delete_dead_letters
DELETE FROM dead WHERE failed = :failed AND id = :id;
