-- Result documents and the slots of chords.

-- name: write_results
INSERT INTO result (task, expires, document) VALUES (?, ?, ?)
ON CONFLICT (task) DO UPDATE SET expires = excluded.expires, document = excluded.document;

-- name: read_results
-- ?1 tasks, ?2 now in seconds.
SELECT task, document FROM result
WHERE task IN (SELECT value FROM json_each(?1)) AND (expires IS NULL OR expires > ?2);

-- name: forget_results
DELETE FROM result WHERE task IN (SELECT value FROM json_each(?1));

-- name: expire_results
-- ?1 now in seconds, ?2 how many at most.
DELETE FROM result WHERE number IN (SELECT number FROM result WHERE expires <= ?1 ORDER BY expires LIMIT ?2);

-- name: fill_slot
-- ?1 chord, ?2 index, ?3 value: the first value of an index stays.
INSERT INTO slot (chord, place, value) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING;

-- name: count_slot
-- ?1 chord, ?2 by how much.
INSERT INTO chord (name, filled, advanced) VALUES (?1, ?2, 0)
ON CONFLICT (name) DO UPDATE SET filled = filled + ?2;

-- name: complete
-- ?1 chord, ?2 size: changes a row exactly once, when the last slot has been filled.
UPDATE chord SET advanced = 1 WHERE name = ?1 AND filled >= ?2 AND NOT advanced;

-- name: read_slots
-- ?1 chord, ?2 size.
SELECT place, value FROM slot WHERE chord = ?1 AND place < ?2;

-- name: clear_slots
DELETE FROM slot WHERE chord = ?1;

-- name: clear_chord
DELETE FROM chord WHERE name = ?1;
