-- What people ask about queues, and do to them.

-- name: pause
INSERT INTO paused (queue) SELECT value FROM json_each(:queues) WHERE true ON CONFLICT DO NOTHING;

-- name: resume
DELETE FROM paused WHERE queue IN (SELECT value FROM json_each(:queues));

-- name: paused
SELECT queue FROM paused;

-- name: heads
-- The first message of each priority.
SELECT message.raw, ready.priority FROM ready JOIN message ON message.number = ready.message
WHERE ready.queue = :queue AND (ready.priority, ready.position) IN (
    SELECT priority, min(position) FROM ready WHERE queue = :queue GROUP BY priority
) ORDER BY ready.priority LIMIT :limit;

-- name: first
SELECT ready.priority, ready.position, ready.message FROM ready
WHERE queue = :queue ORDER BY priority, position LIMIT :limit;

-- name: ready_queues
SELECT DISTINCT queue FROM ready WHERE queue <> :but ORDER BY queue;

-- name: sighted
-- Those of the first messages of a queue in which a word occurs, and how many were looked at.
SELECT ahead, raw FROM (
    SELECT row_number() OVER (ORDER BY ready.priority, ready.position) - 1 AS ahead, message.raw AS raw
    FROM ready JOIN message ON message.number = ready.message
    WHERE ready.queue = :queue ORDER BY ready.priority, ready.position LIMIT :depth
) WHERE instr(raw, :word) ORDER BY ahead;

-- name: count_ready
SELECT count(*) FROM (SELECT 1 FROM ready WHERE queue = :queue LIMIT :limit);

-- name: holdings
SELECT lease.worker, replace(lease.epoch, ':reaped', '') || ':' || claim.number, claim.queue, claim.since, message.raw
FROM claim JOIN lease ON lease.number = claim.lease JOIN message ON message.number = claim.message
WHERE instr(message.raw, :word) ORDER BY lease.worker, claim.number;

-- name: is_revoked
SELECT EXISTS (SELECT 1 FROM revocation WHERE task = :task AND ends > :now);
