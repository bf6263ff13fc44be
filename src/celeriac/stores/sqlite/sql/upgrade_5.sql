-- From version 4 to version 5.

ALTER TABLE lease ADD COLUMN lock INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dead ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
DROP INDEX dead_id;
DROP INDEX dead_buried;
CREATE UNIQUE INDEX dead_id ON dead (failed, id);
CREATE INDEX dead_buried ON dead (failed, buried);
CREATE INDEX dead_number ON dead (failed, number);
