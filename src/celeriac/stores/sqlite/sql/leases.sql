-- Leases and the claims under them.

-- name: lease
-- ?1 worker.
SELECT number, epoch FROM lease WHERE worker = ?1;

-- name: open_lease
INSERT INTO lease (worker, epoch, record) VALUES (?1, ?2, ?3);

-- name: drop_lease
DELETE FROM lease WHERE number = ?1;

-- name: leases
-- One row per open lease, each with the time at which the next delayed message is due.
SELECT worker, epoch, record, (SELECT min(due) FROM delayed) FROM lease ORDER BY worker;

-- name: add_claims
INSERT INTO claim (lease, number, message, queue, priority, started) VALUES (?, ?, ?, ?, ?, ?);

-- name: held
-- ?1 lease, ?2 numbers: the claims as one JSON array.
SELECT json_group_array(json_array(number, message, queue, priority)) FROM claim
WHERE lease = ?1 AND number IN (SELECT value FROM json_each(?2));

-- name: drop_claims
-- ?1 lease, ?2 numbers.
DELETE FROM claim WHERE lease = ?1 AND number IN (SELECT value FROM json_each(?2));

-- name: start_claims
-- ?1 lease, ?2 numbers.
UPDATE claim SET started = 1 WHERE lease = ?1 AND number IN (SELECT value FROM json_each(?2));

-- name: claims
-- ?1 lease, ?2 how many at most (-1: all), in the order in which they were claimed.
SELECT claim.number, claim.queue, message.raw, claim.priority, claim.started
FROM claim JOIN message ON message.number = claim.message
WHERE claim.lease = ?1 ORDER BY claim.number LIMIT ?2;

-- name: to_give_back
-- ?1 lease: its claims, the last one claimed first.
SELECT queue, priority, message FROM claim WHERE lease = ?1 ORDER BY number DESC;

-- name: drop_all_claims
DELETE FROM claim WHERE lease = ?1;

-- name: adopt
-- ?1 old lease, ?2 old number, ?3 new lease, ?4 new number.
UPDATE claim SET lease = ?3, number = ?4 WHERE lease = ?1 AND number = ?2;

-- name: holds_any
SELECT EXISTS (SELECT 1 FROM claim WHERE lease = ?1);
