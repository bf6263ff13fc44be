"""Group commit: all that the threads of a process ask for at the same time becomes one transaction.

Who finds nothing under way performs the request itself, at once. Who finds another thread or process at work
leaves the request to the writer's thread, which waits in the kernel for its turn and then performs everything
that has gathered meanwhile: one fsync serves many.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from celeriac.exceptions import OperationalError
from celeriac.store import contract as c
from celeriac.stores.sqlite.committer import Committer, Entry
from celeriac.stores.sqlite.lockfile import LockFile

R = TypeVar("R")

_GROUP = 256
"""The most requests in one transaction."""

_IDLE_SECONDS = 2.0
"""How long nothing must have happened before tidying up."""

_CLOSE_SECONDS = 5.0


class Writer:
    """Decides who in this process performs requests, and when."""

    def __init__(self, lock: LockFile, committer: Committer, ring: Callable[[set[str]], None]) -> None:
        self._lock = lock
        self._committer = committer
        self._ring = ring
        self._pending: deque[Entry[Any]] = deque()
        self._doorbell: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def run(self, request: c.Request[R], deadline: float | None) -> R:
        """Perform a request; raises `OperationalError` if its turn does not come within `deadline` seconds."""
        if not self._pending and self._lock.turn.acquire(blocking=False):
            entry = Entry(request, bool)
            if self._perform_at_once(entry):
                return entry.result()
        arrived = threading.Lock()
        arrived.acquire()
        entry = self.submit(request, arrived.release)
        if not arrived.acquire(timeout=-1 if deadline is None else max(0.0, deadline)):
            self.withdraw(entry, deadline)
            arrived.acquire()
        return entry.result()

    def submit(self, request: c.Request[R], done: Callable[[], object]) -> Entry[R]:
        """Have a request performed by the writer's thread."""
        entry = Entry(request, done)
        self._pending.append(entry)
        if self._thread is None:
            self._start()
        self._doorbell.put(True)
        return entry

    def withdraw(self, entry: Entry[Any], deadline: float | None) -> None:
        """Take a request back and raise `OperationalError`; nothing happens if it is under way or done."""
        try:
            self._pending.remove(entry)
        except ValueError:
            return
        raise OperationalError(f"the database was kept locked by another process for {deadline:g} s")

    def close(self) -> None:
        """Finish what was submitted, end the thread and close the connection, until somebody needs them again."""
        if self._thread is not None:
            self._doorbell.put(False)
            self._thread.join(_CLOSE_SECONDS)
            self._thread = None
            if self._pending:
                # A worker in this process goes on, and has asked for something just now.
                self._start()
                self._doorbell.put(True)
        self._committer.close()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="celeriac-sqlite", daemon=True)
                self._thread.start()

    def _perform_at_once(self, entry: Entry[Any]) -> bool:
        """Perform a request without waiting, if no other process is writing; gives up the turn."""
        try:
            if not self._lock.try_acquire():
                return False
            try:
                rings = self._committer.commit([entry])
            finally:
                self._lock.release()
        finally:
            self._lock.turn.release()
        self._ring(rings)
        return True

    def _serve(self) -> None:
        busy = True
        while busy:
            try:
                busy = self._doorbell.get(timeout=_IDLE_SECONDS if self._committer.untidy else None)
            except queue.Empty:
                self._tidy()
            while self._pending:
                self._perform_pending()

    def _tidy(self) -> None:
        with self._lock.turn:
            if self._lock.try_acquire():
                try:
                    self._committer.tidy()
                finally:
                    self._lock.release()

    def _perform_pending(self) -> None:
        entries: list[Entry[Any]] = []
        rings: set[str] = set()
        try:
            with self._lock.turn:
                self._lock.acquire()
                try:
                    entries = self._gather()
                    rings = self._committer.commit(entries)
                finally:
                    self._lock.release()
        except Exception as error:
            entries = entries or self._gather()
            for entry in entries:
                entry.error = error
        for entry in entries:
            entry.done()
        self._ring(rings)

    def _gather(self) -> list[Entry[Any]]:
        entries: list[Entry[Any]] = []
        while self._pending and len(entries) < _GROUP:
            entries.append(self._pending.popleft())
        return entries
