"""Group commit: all that the threads of a process ask for at the same time becomes one transaction.

Who finds nothing under way performs the request itself, at once. Who finds another thread or process at work
leaves the request to the writer's thread, which waits in the kernel for its turn and then performs everything
that has gathered meanwhile: one fsync serves many.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from celeriac import interrupts
from celeriac.exceptions import OperationalError
from celeriac.stores import contract as c
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
        self._serving = threading.Lock()
        """Held by the one thread that serves, whoever started how many."""

    def run(self, request: c.Request[R], deadline: float | None) -> R:
        """Perform a request; raises `OperationalError` if its turn does not come within `deadline` seconds."""
        if self._lock.turn.mine():
            interrupts.refuse_within(Writer._perform_at_once)
            self._leave()  # where two exceptions at once have kept it
        if not self._pending:
            entry = Entry(request, bool)
            if self._perform_at_once(entry):
                if interrupts.due:
                    interrupts.deliver()
                return entry.result()
        return self._perform_in_turn(request, deadline)

    def _perform_in_turn(self, request: c.Request[R], deadline: float | None) -> R:
        """Have the writer's thread perform a request, and wait; whoever is interrupted meanwhile takes it back."""
        arrived = threading.Lock()
        arrived.acquire()
        entry = Entry(request, arrived.release)
        try:
            self._submit(entry)
            if not arrived.acquire(timeout=-1 if deadline is None else max(0.0, deadline)):
                self.withdraw(entry, deadline)
                arrived.acquire()
        except BaseException:
            with contextlib.suppress(ValueError):
                self._pending.remove(entry)
            raise
        return entry.result()

    def submit(self, request: c.Request[R], done: Callable[[], object]) -> Entry[R]:
        """Have a request performed by the writer's thread."""
        entry = Entry(request, done)
        self._submit(entry)
        return entry

    def _submit(self, entry: Entry[Any]) -> None:
        self._pending.append(entry)
        if self._thread is None:
            self._start()
        self._doorbell.put(True)

    def withdraw(self, entry: Entry[Any], deadline: float | None) -> None:
        """Take a request back and raise `OperationalError`; nothing happens if it is under way or done."""
        try:
            self._pending.remove(entry)
        except ValueError:
            return
        raise OperationalError(f"the database was kept locked by another process for {deadline:g} s")

    def close(self) -> None:
        """Finish what was submitted, end the thread and close the connection, until somebody needs them again."""
        thread = self._thread
        if thread is not None:
            self._doorbell.put(False)
            thread.join(_CLOSE_SECONDS)
            if self._pending:
                # A worker in this process goes on, and has asked for something just now.
                self._start()
                self._doorbell.put(True)
        self._committer.close()

    @interrupts.section
    def _start(self) -> None:
        try:
            threading.Thread(target=self._serve, name="celeriac-sqlite", daemon=True).start()
        except KeyError as error:
            # What landed in it after the thread had begun: threading tidies up twice then, and says this instead.
            raise error.__context__ or error from None

    @interrupts.section
    def _perform_at_once(self, entry: Entry[Any]) -> bool:
        """Perform a request without waiting, if nobody else is writing."""
        rings: set[str] | None = None
        try:
            try:
                if self._lock.turn.take(blocking=False) and self._lock.try_acquire():
                    rings = self._committer.commit([entry])
            finally:
                self._leave()
        finally:
            self._leave()
        if rings is None:
            return False
        self._ring(rings)
        return True

    def _leave(self) -> None:
        """Give up the turn if this thread has it, with all that may go with it."""
        turn = self._lock.turn
        if turn.mine():
            self._committer.leave()
            self._lock.release()
            turn.leave()

    # No exception from outside comes to the writer's own thread: no signal is handled there, and none throws into it.

    def _serve(self) -> None:
        if not self._serving.acquire(blocking=False):
            return
        self._thread = threading.current_thread()
        try:
            # Told to end twice, the second time was meant for the thread before.
            while self._await_ring() or self._pending:
                while self._pending:
                    self._perform_pending()
        finally:
            self._thread = None
            self._serving.release()

    def _await_ring(self) -> bool:
        while True:
            try:
                return self._doorbell.get(timeout=_IDLE_SECONDS if self._committer.untidy else None)
            except queue.Empty:
                self._tidy()

    def _tidy(self) -> None:
        self._lock.turn.take()
        try:
            if self._lock.try_acquire():
                self._committer.tidy()
        finally:
            self._leave()

    def _perform_pending(self) -> None:
        entries: list[Entry[Any]] = []
        rings: set[str] = set()
        try:
            self._lock.turn.take()
            try:
                self._lock.acquire()
                entries = self._gather()
                rings = self._committer.commit(entries)
            finally:
                self._leave()
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
