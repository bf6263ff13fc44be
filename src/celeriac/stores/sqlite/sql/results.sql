-- Result documents and the slots of chords. Results expire in seconds since 1970, or never (NULL).

-- name: write_results
INSERT INTO result (task, expires, document) VALUES (?, ?, ?)
ON CONFLICT (task) DO UPDATE SET expires = excluded.expires, document = excluded.document;

-- name: read_results
SELECT task, document FROM result
WHERE task IN (SELECT value FROM json_each(:tasks)) AND (expires IS NULL OR expires > :now);

-- name: forget_results
DELETE FROM result WHERE task IN (SELECT value FROM json_each(:tasks));

-- name: expire_results
DELETE FROM result WHERE number IN (SELECT number FROM result WHERE expires <= :now ORDER BY expires LIMIT :limit);

-- name: fill_slot
-- The first value of a place stays.
INSERT INTO slot (chord, place, value) VALUES (:chord, :place, :value) ON CONFLICT DO NOTHING;

-- name: count_slot
INSERT INTO chord (name, filled, advanced) VALUES (:chord, :more, 0)
ON CONFLICT (name) DO UPDATE SET filled = filled + :more;

-- name: complete
-- Changes a row exactly once, when the last slot has been filled.
UPDATE chord SET advanced = 1 WHERE name = :chord AND filled >= :size AND NOT advanced;

-- name: read_slots
SELECT place, value FROM slot WHERE chord = :chord AND place < :size;

-- name: clear_slots
DELETE FROM slot WHERE chord = :chord;

-- name: clear_chord
DELETE FROM chord WHERE name = :chord;
