-- What was revoked. Times are in milliseconds since 1970.

-- name: raise_revision
UPDATE revision SET number = number + :more;

-- name: revision
SELECT number FROM revision;

-- name: revoke
INSERT INTO revocation (task, revision, ends, terminate, signal, result) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (task) DO UPDATE SET
    revision = excluded.revision, ends = excluded.ends, terminate = excluded.terminate,
    signal = excluded.signal, result = excluded.result;

-- name: revocations
SELECT task, result, terminate, signal, (ends - :now) / 1000.0 FROM revocation
WHERE revision > :since AND ends > :now ORDER BY revision;

-- name: expire_revocations
DELETE FROM revocation WHERE ends <= :now;
