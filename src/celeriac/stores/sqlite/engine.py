"""All that one process has open of one database file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from celeriac import interrupts
from celeriac.clock import Clock
from celeriac.interrupts import holding, is_foreign
from celeriac.stores import contract as c
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
        return self._ask(lambda connection: self._perform(connection, request))

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
        return self._ask(_version)

    def close(self) -> None:
        """Close everything; leases stay held."""
        self.writer.close()
        holding(self._reader.mutex, self._reader.close)
        self.bells.close()
        self._lock.close()

    def _ask(self, ask: Callable[[sqlite3.Connection], R]) -> R:
        """Read, and say what waited for the end of that."""
        if self._reader.mutex.mine():
            interrupts.refuse_within(Engine._read)
            self._reader.leave()  # where two exceptions at once have kept it
        answer = self._read(ask)
        if interrupts.due:
            interrupts.deliver()
        return answer

    @interrupts.section
    def _read(self, ask: Callable[[sqlite3.Connection], R]) -> R:
        reader = self._reader
        try:
            try:
                return ask(reader.enter())
            except sqlite3.Error as error:
                raise translated(error, self._path) from error
            finally:
                reader.leave()
        finally:
            reader.leave()

    def _perform(self, connection: sqlite3.Connection, request: c.Request[R]) -> R:
        connection.execute("BEGIN")
        return perform(Transaction(connection, self._lock, int(self._clock.now() * 1000), self._keeping), request)


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA data_version").fetchone()
    return int(version)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError as error:
        if is_foreign(error):
            raise
        return None
    return status.st_dev, status.st_ino
