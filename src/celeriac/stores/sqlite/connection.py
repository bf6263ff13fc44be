"""One connection to a database file: opened when first needed, closed before every fork.

SQLite keeps in the memory of a process which locks the process holds on a file. A forked child inherits that
belief and not the locks: even a *new* connection in the child then takes no lock at all, and is not safe from
other processes. So no connection may be open while a process forks; it is opened anew on both sides when it is
needed next. (https://www.sqlite.org/howtocorrupt.html, section 2.7, warns of the inherited connection itself.)
"""

from __future__ import annotations

import os
import sqlite3
from weakref import WeakSet

from celeriac.exceptions import CeleriacError, ImproperlyConfigured, OperationalError, Refused
from celeriac.interrupts import Turn, holding
from celeriac.stores.sqlite.statements import SCHEMA, UPGRADES

VERSION = 5
PAGE_BYTES = 4096
APPLICATION = 0x43454C59
_BUSY_SECONDS = 5.0
_OLDEST_SQLITE = (3, 35, 0)


class Connection:
    """A connection with the mutex that whoever uses it holds, from `enter` to `leave`.

    The first one to be opened of a file creates the tables, and must do so under the writer lock.
    """

    def __init__(self, path: str) -> None:
        self.mutex = Turn()
        self._path = path
        self._open: sqlite3.Connection | None = None
        holding(_creating, lambda: _connections.add(self))

    def enter(self) -> sqlite3.Connection:
        """Wait for the mutex; the connection, opened if need be. Followed by `leave` even where this fails."""
        self.mutex.take()
        return self.get()

    def get(self) -> sqlite3.Connection:
        """The open connection; only to be used while holding `mutex`."""
        if self._open is None:
            self._open = _connect(self._path)
        return self._open

    def leave(self) -> None:
        """Let others use it, if this thread holds the mutex; what is not committed is undone."""
        if self.mutex.mine():
            self.mend()
            self.mutex.leave()

    def mend(self) -> None:
        """Undo what is not committed; only while holding `mutex`."""
        connection = self._open
        if connection is not None and connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except sqlite3.Error:
                # It goes with the connection, and whoever is next opens another.
                self.close()

    def close(self) -> None:
        """Close it until it is needed again; only while holding `mutex`.

        The last connection of all processes moves the journal into the file, which no other can be using then.
        """
        connection, self._open = self._open, None
        if connection is not None:
            connection.close()


def translated(error: sqlite3.Error, path: str) -> CeleriacError:
    """An error of SQLite as one of ours, with the file and what to do about it."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return ImproperlyConfigured(f"{path} is not an SQLite database")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return ImproperlyConfigured(f"the SQLite file {path}, or the folder it is in, cannot be written: {error}")
    if code == sqlite3.SQLITE_FULL:
        return OperationalError(f"no space is left on the disk for {path}")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return OperationalError(f"another program keeps {path} locked: {error}")
    if code in (sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE):
        return Refused(f"{path}: {error}")
    return OperationalError(f"{path}: {error}")


def _connect(path: str) -> sqlite3.Connection:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise ImproperlyConfigured(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or later is needed")
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: str) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application == APPLICATION and version > VERSION:
        raise ImproperlyConfigured(
            f"{path} was written by a newer Celeriac (schema {version}, this one knows {VERSION}): upgrade Celeriac"
        )
    new = application != APPLICATION
    if new and (version or connection.execute("SELECT EXISTS (SELECT 1 FROM sqlite_master)").fetchone() != (0,)):
        raise ImproperlyConfigured(f"{path} is a database of another program")
    if new:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    (journal,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if journal != "wal":
        raise ImproperlyConfigured(f"{path} lies where SQLite cannot keep a write-ahead log (journal mode {journal})")
    # Checkpoints are made under the writer lock only: SQLite 3.7.0 to 3.51.2 can lose the log when two race.
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA mmap_size = 0")
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")  # on macOS alone does fsync not reach the disk
    if new:
        _perform(connection, SCHEMA)
    elif version < VERSION:
        _perform(
            connection, ";\n".join(UPGRADES[step].rstrip().rstrip(";") for step in range(version + 1, VERSION + 1))
        )


def _perform(connection: sqlite3.Connection, script: str) -> None:
    """Create the tables, or bring them from an older version to this one."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in script.split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


_connections: WeakSet[Connection] = WeakSet()
_creating = Turn()


def _close_before_fork() -> None:
    if not _creating.mine():
        _creating.take()
    for connection in _connections:
        if not connection.mutex.mine():
            connection.mutex.take()
        connection.close()


def _release_after_fork() -> None:
    for connection in _connections:
        connection.mutex.leave()
    _creating.leave()


for _ in range(2):  # the second time for what an exception has kept from being done the first
    os.register_at_fork(
        before=_close_before_fork, after_in_parent=_release_after_fork, after_in_child=_release_after_fork
    )
