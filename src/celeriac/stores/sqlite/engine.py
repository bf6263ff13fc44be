"""All that one process has open of one database file."""

from __future__ import annotations

import os
import sqlite3
from typing import TypeVar

from celeriac.clock import Clock
from celeriac.store import contract as c
from celeriac.stores.sqlite.committer import Committer
from celeriac.stores.sqlite.connection import Connection, translated
from celeriac.stores.sqlite.filesystem import check_place, match_mode
from celeriac.stores.sqlite.leases import Arrive
from celeriac.stores.sqlite.lockfile import open_lock_file
from celeriac.stores.sqlite.requests import only_reads, perform
from celeriac.stores.sqlite.transaction import Keeping, Transaction
from celeriac.stores.sqlite.wake import Bells
from celeriac.stores.sqlite.writer import Writer

R = TypeVar("R")


class Engine:
    """The lock file, the writer, a connection to read with, and the bells.

    It belongs to one process and to one file: after a fork, or when the file was replaced, there is another.
    """

    def __init__(self, path: str, clock: Clock, keeping: Keeping) -> None:
        check_place(path)
        self.pid = os.getpid()
        self.bells = Bells(path, clock)
        self._path = path
        self._clock = clock
        self._keeping = keeping
        self._lock = open_lock_file(f"{path}-lock")
        self.writer = Writer(self._lock, Committer(path, self._lock, clock, keeping), self.bells.ring)
        self._reader = Connection(path)
        self._file: tuple[int, int] | None = None

    def run(self, request: c.Request[R], deadline: float | None) -> R:
        """Perform a request, reading or writing."""
        if not only_reads(request):
            return self.writer.run(request, deadline)
        with self._reader.mutex:
            try:
                return self._read(self._reader.get(), request)
            except sqlite3.Error as error:
                raise translated(error, self._path) from error

    def open(self, deadline: float | None) -> None:
        """Reach the file, creating it if need be."""
        if self._file is None:
            self.writer.run(Arrive(), deadline)
            match_mode(f"{self._path}-lock", self._path)
            self._file = _identity(self._path)

    def is_stale(self) -> bool:
        """Whether this is another process now, or one of the files another file."""
        if self.pid != os.getpid():
            return True
        return self._file is not None and (self._file != _identity(self._path) or self._lock.is_replaced())

    def version(self) -> int:
        """A number that changes when another connection has committed."""
        with self._reader.mutex:
            try:
                (version,) = self._reader.get().execute("PRAGMA data_version").fetchone()
            except sqlite3.Error as error:
                raise translated(error, self._path) from error
        return int(version)

    def close(self) -> None:
        """Close everything; leases stay held."""
        self.writer.close()
        with self._reader.mutex:
            self._reader.close()
        self.bells.close()
        self._lock.close()

    def _read(self, connection: sqlite3.Connection, request: c.Request[R]) -> R:
        connection.execute("BEGIN")
        try:
            return perform(Transaction(connection, self._lock, int(self._clock.now() * 1000), self._keeping), request)
        finally:
            connection.execute("COMMIT")


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
