"""One transaction for a group of requests, with its errors sorted out and the log kept short."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from celeriac.clock import Clock
from celeriac.exceptions import CeleriacError, EnqueueUncertain, LeaseLost, OperationalError
from celeriac.interrupts import holding, is_foreign
from celeriac.stores import contract as c
from celeriac.stores.sqlite.connection import Connection, translated
from celeriac.stores.sqlite.journal import Journal
from celeriac.stores.sqlite.lockfile import LockFile
from celeriac.stores.sqlite.requests import perform
from celeriac.stores.sqlite.transaction import Keeping, Transaction

R = TypeVar("R")

_RESULT_SLICE = 500
_RESULT_SLICES = 4
_ACCEPTED_SLICE = 4000
"""How much of what has expired is deleted at once; more than is written between two checkpoints."""


class Entry(Generic[R]):
    """A request on its way: `done` is called once, from any thread, when `reply` or `error` is there."""

    __slots__ = ("done", "error", "reply", "request")

    def __init__(self, request: c.Request[R], done: Callable[[], object]) -> None:
        self.request = request
        self.done = done
        self.reply: R | None = None
        self.error: Exception | None = None

    def result(self) -> R:
        """The reply, or the error raised."""
        if self.error is not None:
            raise self.error
        return cast("R", self.reply)


class _CommitFailed(Exception):
    """The log could not be written or synced, or the commit was broken off: what is in it, nobody knows."""


class Committer:
    """Changes a database, for whoever holds the writer lock."""

    def __init__(self, path: str, lock: LockFile, clock: Clock, keeping: Keeping) -> None:
        self._path = path
        self._lock = lock
        self._clock = clock
        self._keeping = keeping
        self._connection = Connection(path)
        self._journal: Journal | None = None
        self._synced: bool | None = None
        """Whether commits are synced; None when that must be said anew."""
        self.untidy = False
        """Whether anything was written since `tidy`."""

    def commit(self, entries: list[Entry[Any]]) -> set[str]:
        """Perform requests in one transaction, giving each its reply or its error; the bells to ring."""
        rings: set[str] = set()
        self._connection.mutex.take()
        self._perform(entries, rings)
        try:
            self._keep_log_short()
        except (sqlite3.Error, OSError) as error:  # what is committed is; the next one meets the trouble
            if is_foreign(error):
                raise
        return rings

    def leave(self) -> None:
        """After `commit` and `tidy`, however they ended: undo what is not committed, let others use the connection."""
        self._connection.leave()

    def tidy(self) -> None:
        """When nobody wants to write: give back the space of the log and of what has expired."""
        self.untidy = False
        self._connection.mutex.take()
        with contextlib.suppress(sqlite3.Error, OSError, CeleriacError):
            if self._journal is not None and self._journal.connection is self._connection.get():
                self._purge(self._journal.connection)
                self._journal.empty()

    def close(self) -> None:
        """Close the connection."""
        holding(self._connection.mutex, self._close)

    def _close(self) -> None:
        self._drop_journal()
        self._connection.close()

    def _drop_journal(self) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()

    def _perform(self, entries: list[Entry[Any]], rings: set[str]) -> None:
        try:
            transaction = self._transact(entries)
        except Exception as error:
            if len(entries) == 1 or isinstance(error, _CommitFailed):
                for entry in entries:
                    entry.error = self._explained(error, entry.request)
                return
            for entry in entries:  # the fault of one must not be that of all
                self._perform([entry], rings)
        else:
            rings |= transaction.rings
            for action in transaction.after:
                action()

    def _transact(self, entries: list[Entry[Any]]) -> Transaction:
        connection = self._ready(any(entry.request.durable for entry in entries))
        now = int(self._clock.now() * 1000)
        transaction = Transaction(connection, self._lock, now, self._keeping)
        connection.execute("BEGIN IMMEDIATE")
        try:
            for entry in entries:
                entry.error = None
                try:
                    entry.reply = perform(transaction, entry.request)
                except LeaseLost as error:
                    entry.error = error
            _commit(connection)
        except Exception:
            self._connection.mend()
            raise
        self.untidy = True
        return transaction

    def _ready(self, durable: bool) -> sqlite3.Connection:
        """The connection, syncing its commits or not."""
        connection = self._connection.get()
        if self._journal is None or self._journal.connection is not connection:
            self._drop_journal()
            self._synced = None
            self._journal = Journal(self._path, connection)
        if self._synced is not durable:
            self._synced = None
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._synced = durable
        return connection

    def _keep_log_short(self) -> None:
        if self._journal is not None and self._journal.is_long():
            self._journal.move()
            self._purge(self._journal.connection)

    def _purge(self, connection: sqlite3.Connection) -> None:
        """Delete a slice of the results that have expired and of the ids that need not be remembered."""
        now = int(self._clock.now() * 1000)
        tx = Transaction(connection, self._lock, now, self._keeping)
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for _ in range(_RESULT_SLICES):
                if tx.do("expire_results", now=now // 1000, limit=_RESULT_SLICE) < _RESULT_SLICE:
                    break
            tx.do("expire_kept", now=now, limit=_RESULT_SLICE)
            tx.expire_letters(failed=False)
            tx.expire_letters(failed=True)
            tx.do("forget_accepted", oldest=now // (c.ENQUEUE_MEMORY_SECONDS * 1000) - 1, limit=_ACCEPTED_SLICE)

    def _explained(self, error: Exception, request: c.Request[Any]) -> Exception:
        if isinstance(error, _CommitFailed):
            text = f"{self._path} could not be written: {error.__cause__}"
            if isinstance(request, c.Enqueue | c.Share):
                return EnqueueUncertain(text, tuple(message.id for message in request.messages))
            return OperationalError(text)
        if isinstance(error, OSError) and not is_foreign(error):
            return OperationalError(f"{error.filename}: {error.strerror}")
        return translated(error, self._path) if isinstance(error, sqlite3.Error) else error


def _commit(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        # Where the transaction goes on, nothing has happened; where it has ended, it may have done so either way.
        if not connection.in_transaction or getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR:
            raise _CommitFailed from error
        raise
