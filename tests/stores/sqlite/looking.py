"""Looking into a database without the store."""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from pathlib import Path

from celeriac.stores import contract as c
from celeriac.stores.sqlite import SQLiteStore


def is_sound(path: Path) -> bool:
    """Whether SQLite finds nothing wrong, and every message is ready, delayed or claimed, exactly once."""
    with closing(sqlite3.connect(path)) as connection:
        placed = "SELECT message FROM ready UNION ALL SELECT message FROM delayed UNION ALL SELECT message FROM claim"
        strays = f"SELECT count(*) FROM message WHERE (SELECT count(*) FROM ({placed}) WHERE message = number) <> 1"
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)] and connection.execute(
            strays
        ).fetchall() == [(0,)]


def count_rows(path: Path, table: str) -> int:
    """How many rows a table has."""
    with closing(sqlite3.connect(path)) as connection:
        (rows,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(rows)


def count_commits(path: Path) -> int:
    """How many transactions the present generation of the write-ahead log holds (fileformat2, section 4.1)."""
    log = Path(f"{path}-wal").read_bytes()
    frame = 24 + struct.unpack_from(">I", log, 8)[0]
    headers = (log[start : start + 24] for start in range(32, len(log) - frame + 1, frame))
    return sum(1 for header in headers if header[8:16] == log[16:24] and header[4:8] != bytes(4))


def ready(path: Path) -> list[str]:
    """The messages that wait in the queue `q`, in order."""
    store = SQLiteStore(path)
    lease = c.Lease("inspector", "inspection")
    store.run(c.OpenLease(lease, c.WorkerRecord()))
    claims = store.run(c.Finish(lease, queues=("q",), count=100_000, max_bytes=1 << 30, first=1)).claims
    store.run(c.CloseLease(lease))
    store.close()
    return [claim.raw.decode() for claim in claims]
