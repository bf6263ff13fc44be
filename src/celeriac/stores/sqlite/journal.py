"""When the write-ahead log is to be moved into the database, and the moving.

How far the log has grown is read from the log itself, because every process sees only its own commits, and the
size of the file says nothing: a log that was moved is overwritten from its start. Each frame repeats the salts
of the log's present generation (https://www.sqlite.org/fileformat2.html#walformat), so frame N belongs to it
if and only if the log has N frames. Reading the log beside SQLite is safe: it locks other files.
"""

from __future__ import annotations

import os
import sqlite3
from io import FileIO

from celeriac.stores.sqlite.connection import PAGE_BYTES

_FRAME = 24 + PAGE_BYTES
_HEADER = 32
_INTERVAL = 1000
"""Frames between two checkpoints."""


class Journal:
    """The write-ahead log of a database, as the writer's open connection sees it; to be used under the writer lock.

    It lives as long as the connection: the last one to be closed removes the log.
    """

    def __init__(self, database: str, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._log = FileIO(f"{database}-wal")
        self._salts = b""
        self._limit = _INTERVAL

    def is_long(self) -> bool:
        """Whether the log has grown by another interval of frames."""
        salts = os.pread(self._log.fileno(), 8, 16)
        if salts != self._salts:
            self._salts, self._limit = salts, _INTERVAL
        return len(salts) == 8 and os.pread(self._log.fileno(), 8, _HEADER + (self._limit - 1) * _FRAME + 8) == salts

    def move(self) -> None:
        """Move into the database what no reader needs in the log; the next commit may begin the log again."""
        _, frames, _ = self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self._limit = frames + _INTERVAL

    def empty(self) -> None:
        """The same, and give the disk space back unless a reader is at work."""
        (timeout,) = self.connection.execute("PRAGMA busy_timeout").fetchone()
        self.connection.execute("PRAGMA busy_timeout = 0")
        try:
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {timeout}")

    def close(self) -> None:
        """Let go of the log."""
        self._log.close()
