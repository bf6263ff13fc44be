-- The tables of a Celeriac database, version 5.
-- A message is one immutable row; what moves is a small row that points to it: ready, delayed or claimed.
-- So a claim touches a few pages of small rows, however large the messages are.

CREATE TABLE message (
    number INTEGER PRIMARY KEY,
    raw BLOB NOT NULL
);

-- Releases take positions below the smallest, arrivals above the largest of their queue and priority.
CREATE TABLE ready (
    queue TEXT NOT NULL,
    priority INTEGER NOT NULL,
    position INTEGER NOT NULL,
    message INTEGER NOT NULL,
    PRIMARY KEY (queue, priority, position)
) WITHOUT ROWID;

CREATE TABLE delayed (
    number INTEGER PRIMARY KEY,
    due INTEGER NOT NULL,           -- milliseconds since 1970
    message INTEGER NOT NULL,
    queue TEXT NOT NULL,
    priority INTEGER NOT NULL,
    id TEXT                         -- filled in all that version 2 writes
);
CREATE INDEX delayed_due ON delayed (due, id);
CREATE UNIQUE INDEX delayed_id ON delayed (id);

CREATE TABLE revocation (
    task TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    ends INTEGER NOT NULL,          -- milliseconds since 1970
    terminate INTEGER NOT NULL,
    signal TEXT NOT NULL,
    result BLOB NOT NULL
);

-- One row: how often something was revoked.
CREATE TABLE revision (number INTEGER NOT NULL);
INSERT INTO revision VALUES (0);

CREATE TABLE lease (
    number INTEGER PRIMARY KEY,
    worker TEXT NOT NULL UNIQUE,
    epoch TEXT NOT NULL,
    record BLOB NOT NULL,           -- a WorkerRecord as JSON
    tally BLOB NOT NULL DEFAULT '{}',   -- a Tally as JSON
    heard INTEGER NOT NULL DEFAULT 0,   -- when it was told, milliseconds since 1970
    lock INTEGER NOT NULL DEFAULT 0     -- the inode of the file in which its holder has locked it; 0 from version 4
);

CREATE TABLE claim (
    lease INTEGER NOT NULL,
    number INTEGER NOT NULL,        -- the second half of the claim id
    message INTEGER NOT NULL,
    queue TEXT NOT NULL,
    priority INTEGER NOT NULL,
    started INTEGER NOT NULL,
    since INTEGER NOT NULL DEFAULT 0,   -- milliseconds since 1970; 0 in what version 2 claimed
    PRIMARY KEY (lease, number)
) WITHOUT ROWID;

-- The queues of which nothing is claimed.
CREATE TABLE paused (queue TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE result (
    number INTEGER PRIMARY KEY,
    task TEXT NOT NULL UNIQUE,
    expires INTEGER,                -- seconds since 1970, NULL for never
    document BLOB NOT NULL
);
CREATE INDEX result_expires ON result (expires);

-- What is kept under a name of its own: saved groups, and which call a key stands for.
CREATE TABLE kept (
    label TEXT PRIMARY KEY,
    made INTEGER NOT NULL,          -- milliseconds since 1970
    expires INTEGER,                -- milliseconds since 1970, NULL for never
    document BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX kept_expires ON kept (expires);

CREATE TABLE chord (
    name TEXT PRIMARY KEY,
    filled INTEGER NOT NULL,
    advanced INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE slot (
    chord TEXT NOT NULL,
    place INTEGER NOT NULL,
    value BLOB NOT NULL,
    UNIQUE (chord, place)
);

CREATE TABLE dead (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    queue TEXT NOT NULL,
    raw BLOB NOT NULL,
    reason BLOB NOT NULL,           -- all that is known, as JSON; version 1 kept plain text
    buried INTEGER NOT NULL         -- milliseconds since 1970
);
CREATE UNIQUE INDEX dead_id ON dead (id);
CREATE INDEX dead_buried ON dead (buried);

-- The ids of accepted messages, by the period of ENQUEUE_MEMORY_SECONDS in which they came.
CREATE TABLE accepted (
    generation INTEGER NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (generation, id)
) WITHOUT ROWID;
