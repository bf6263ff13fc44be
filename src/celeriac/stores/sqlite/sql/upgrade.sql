-- From version 1 to version 2.

ALTER TABLE delayed ADD COLUMN id TEXT;
UPDATE delayed SET id = 'unnamed-' || number;
CREATE UNIQUE INDEX delayed_id ON delayed (id);
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
