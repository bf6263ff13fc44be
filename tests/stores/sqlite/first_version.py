"""The tables of version 1, as files of users have them."""

from __future__ import annotations

SCHEMA = """
-- The tables of a Celeriac database, version 1.
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
    priority INTEGER NOT NULL
);
CREATE INDEX delayed_due ON delayed (due);

CREATE TABLE lease (
    number INTEGER PRIMARY KEY,
    worker TEXT NOT NULL UNIQUE,
    epoch TEXT NOT NULL,
    record BLOB NOT NULL            -- a WorkerRecord as JSON
);

CREATE TABLE claim (
    lease INTEGER NOT NULL,
    number INTEGER NOT NULL,        -- the second half of the claim id
    message INTEGER NOT NULL,
    queue TEXT NOT NULL,
    priority INTEGER NOT NULL,
    started INTEGER NOT NULL,
    PRIMARY KEY (lease, number)
) WITHOUT ROWID;

CREATE TABLE result (
    number INTEGER PRIMARY KEY,
    task TEXT NOT NULL UNIQUE,
    expires INTEGER,                -- seconds since 1970, NULL for never
    document BLOB NOT NULL
);
CREATE INDEX result_expires ON result (expires);

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
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    queue TEXT NOT NULL,
    raw BLOB NOT NULL,
    reason TEXT NOT NULL
);

-- The ids of accepted messages, by the period of ENQUEUE_MEMORY_SECONDS in which they came.
CREATE TABLE accepted (
    generation INTEGER NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (generation, id)
) WITHOUT ROWID;
PRAGMA application_id = 0x43454C59;
PRAGMA user_version = 1;
"""
