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
CREATE UNIQUE INDEX dead_id ON dead (id);
ALTER TABLE dead ADD COLUMN buried INTEGER NOT NULL DEFAULT 0;
UPDATE dead SET buried = CAST(strftime('%s', 'now') AS INTEGER) * 1000;
CREATE INDEX dead_buried ON dead (buried);
