-- What is kept under a name of its own. Times are in milliseconds since 1970.

-- name: keep
INSERT INTO kept (label, made, expires, document) VALUES (:label, :now, :expires, :document)
ON CONFLICT (label) DO UPDATE SET made = excluded.made, expires = excluded.expires, document = excluded.document;

-- name: read_kept
SELECT document, made FROM kept WHERE label = :label AND (expires IS NULL OR expires > :now);

-- name: drop_kept
DELETE FROM kept WHERE label = :label;

-- name: expire_kept
DELETE FROM kept WHERE label IN (SELECT label FROM kept WHERE expires <= :now ORDER BY expires LIMIT :limit);
