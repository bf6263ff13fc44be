-- Leases and the claims under them.

-- name: lease
SELECT number, epoch FROM lease WHERE worker = :worker;

-- name: open_lease
INSERT INTO lease (worker, epoch, record, lock) VALUES (:worker, :epoch, :record, :lock);

-- name: lock_lease
UPDATE lease SET lock = ? WHERE worker = ? AND epoch = ?;

-- name: locked_by
SELECT lock FROM lease WHERE number = :lease;

-- name: drop_lease
DELETE FROM lease WHERE number = :lease;

-- name: close_reaped
UPDATE lease SET epoch = :epoch WHERE number = :lease;

-- name: leases
SELECT worker, epoch, record, lock FROM lease ORDER BY worker;

-- name: tell
UPDATE lease SET tally = :counters, heard = :heard WHERE number = :lease;

-- name: sights
SELECT number, worker, epoch, record, lock, tally, heard,
    (SELECT count(*) FROM claim WHERE claim.lease = lease.number) FROM lease ORDER BY worker;

-- name: held_first
SELECT claim.number, claim.queue, claim.since, message.raw FROM claim JOIN message ON message.number = claim.message
WHERE claim.lease = :lease ORDER BY claim.number LIMIT :limit;

-- name: add_claims
INSERT INTO claim (lease, number, message, queue, priority, started, since) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: held
-- The claims as one JSON array.
SELECT json_group_array(json_array(number, message, queue, priority)) FROM claim
WHERE lease = :lease AND number IN (SELECT value FROM json_each(:numbers));

-- name: drop_claims
DELETE FROM claim WHERE lease = :lease AND number IN (SELECT value FROM json_each(:numbers));

-- name: start_claims
UPDATE claim SET started = 1 WHERE lease = :lease AND number IN (SELECT value FROM json_each(:numbers));

-- name: claims
-- In the order in which they were claimed; a limit of -1 is none.
SELECT claim.number, claim.queue, message.raw, claim.priority, claim.started
FROM claim JOIN message ON message.number = claim.message
WHERE claim.lease = :lease ORDER BY claim.number LIMIT :limit;

-- name: to_give_back
-- The last one claimed first.
SELECT queue, priority, message FROM claim WHERE lease = :lease ORDER BY number DESC;

-- name: drop_all_claims
DELETE FROM claim WHERE lease = :lease;

-- name: adopt
UPDATE claim SET lease = ?, number = ? WHERE lease = ? AND number = ?;

-- name: holds_any
SELECT EXISTS (SELECT 1 FROM claim WHERE lease = :lease);
