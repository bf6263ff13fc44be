-- From version 4 to version 5.

ALTER TABLE lease ADD COLUMN lock INTEGER NOT NULL DEFAULT 0;
