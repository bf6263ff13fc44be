-- From version 1 to version 2.

ALTER TABLE delayed ADD COLUMN id TEXT;
UPDATE delayed SET id = 'unnamed-' || number;
CREATE UNIQUE INDEX delayed_id ON delayed (id);
DROP INDEX delayed_due;
CREATE INDEX delayed_due ON delayed (due, id);

CREATE TABLE revocation (
    task TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    ends INTEGER NOT NULL,
    terminate INTEGER NOT NULL,
    signal TEXT NOT NULL,
    result BLOB NOT NULL
);
CREATE TABLE revision (number INTEGER NOT NULL);
INSERT INTO revision VALUES (0);

UPDATE dead SET id = id || '#' || number WHERE number NOT IN (SELECT min(number) FROM dead GROUP BY id);
ALTER TABLE dead RENAME TO dead_before;
CREATE TABLE dead (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    queue TEXT NOT NULL,
    raw BLOB NOT NULL,
    reason BLOB NOT NULL,
    buried INTEGER NOT NULL
);
INSERT INTO dead SELECT number, id, queue, raw, reason, CAST(strftime('%s', 'now') AS INTEGER) * 1000
FROM dead_before ORDER BY number;
DROP TABLE dead_before;
CREATE UNIQUE INDEX dead_id ON dead (id);
CREATE INDEX dead_buried ON dead (buried);
