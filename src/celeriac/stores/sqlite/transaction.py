"""What a request sees of the database while it is performed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from celeriac.exceptions import LeaseLost
from celeriac.stores import contract as c
from celeriac.stores.sqlite.lockfile import LockFile
from celeriac.stores.sqlite.statements import SQL, repeated

_WIDTHS = (128, 16, 1)
"""How many rows go into one statement; few widths, so that the prepared statements stay few."""


class Keeping(NamedTuple):
    """How long, in seconds, and how many: results (0 is for ever), dead letters, and tasks that failed."""

    result_seconds: int = 86400
    dead_limit: int = c.DEAD_LETTER_LIMIT
    dead_seconds: float = c.DEAD_LETTER_SECONDS
    failed_limit: int = c.FAILED_LIMIT
    failed_seconds: float = c.FAILED_SECONDS


class Transaction(msgspec.Struct):
    """A connection within a transaction, the time of it, and what is to follow once it is committed.

    `now` is in milliseconds.
    """

    connection: sqlite3.Connection
    lock: LockFile
    now: int
    keeping: Keeping
    rings: set[str] = msgspec.field(default_factory=set)
    """The kinds of bells to ring after the commit."""
    after: list[Callable[[], None]] = msgspec.field(default_factory=list)
    """To be called after the commit."""

    def rows(self, name: str, **arguments: Any) -> list[tuple[Any, ...]]:
        """All rows of a named statement."""
        return self.connection.execute(SQL[name], arguments).fetchall()

    def value(self, name: str, **arguments: Any) -> Any:
        """The one value of a named statement."""
        return self.rows(name, **arguments)[0][0]

    def do(self, name: str, **arguments: Any) -> int:
        """Perform a named statement; how many rows it changed."""
        return self.connection.execute(SQL[name], arguments).rowcount

    def do_each(self, name: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Perform a named statement once per row."""
        self.connection.executemany(SQL[name], rows)

    def insert(self, name: str, rows: list[tuple[Any, ...]]) -> None:
        """Insert rows, as many as possible in one step.

        The interpreter lock is let go of in every step, and where other threads compute it is milliseconds
        until it comes back, with the writer lock held meanwhile. So what is done in bulk takes few steps.
        """
        start = 0
        for width in _WIDTHS:
            while len(rows) - start >= width:
                part = rows[start : start + width]
                self.connection.execute(repeated(name, width), [value for row in part for value in row])
                start += width

    def lease(self, lease: c.Lease) -> int:
        """The number of an open lease; raises `LeaseLost`, so it comes before anything is written."""
        row = self.find_lease(lease.worker)
        if row is None or row[1] != lease.epoch:
            self.lock.drop(lease)
            raise LeaseLost(f"lease {lease.epoch} of {lease.worker} is not open")
        return row[0]

    def find_lease(self, worker: str) -> tuple[int, str] | None:
        """The number and the epoch of the open lease of a worker."""
        rows = self.rows("lease", worker=worker)
        return (rows[0][0], rows[0][1]) if rows else None

    def oldest_letter(self, failed: bool) -> int:
        """When the dead letters came that are forgotten now, or the letters of failed tasks."""
        return self.now - int((self.keeping.failed_seconds if failed else self.keeping.dead_seconds) * 1000)

    def expire_letters(self, failed: bool) -> None:
        """Let the oldest of either kind fall out."""
        limit = self.keeping.failed_limit if failed else self.keeping.dead_limit
        self.do("expire_dead", failed=failed, oldest=self.oldest_letter(failed), limit=limit)

    def next_due(self) -> int:
        """Milliseconds until a delayed message is due, or -1."""
        return until(self.value("next_due"), self.now)

    def horizon(self) -> tuple[int, int]:
        """The same, and the revision of the revocations."""
        ((due, revision),) = self.rows("horizon")
        return until(due, self.now), revision


def until(due: int | None, now: int) -> int:
    """Milliseconds until a time, 0 when it is past, -1 when there is none."""
    return -1 if due is None else max(0, due - now)


def array(values: Iterable[str] | Iterable[int]) -> str:
    """A JSON array, as the statements take lists."""
    return msgspec.json.encode(list(values)).decode()
