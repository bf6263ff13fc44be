-- From version 3 to version 4.

ALTER TABLE lease ADD COLUMN tally BLOB NOT NULL DEFAULT '{}';
ALTER TABLE lease ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;
CREATE TABLE kept (
    label TEXT PRIMARY KEY,
    made INTEGER NOT NULL,
    expires INTEGER,
    document BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX kept_expires ON kept (expires);
