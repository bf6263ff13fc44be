"""Plain tasks on threads: one reads what the core says, the others run tasks, one each at a time.

Because somebody always reads, what runs can be cancelled. With a single thread for tasks it is the form of
workers without children (`solo`, and the one inside a test).
"""

from __future__ import annotations

import queue
import threading
import time
from functools import partial
from typing import Protocol

from celeriac.exceptions import TaskRevokedError
from celeriac.worker.child.attempt import Attempt
from celeriac.worker.child.door import LEASE_POLL, Door, Entry
from celeriac.worker.child.executor import Executor
from celeriac.worker.child.guards.thread import ThreadGuard
from celeriac.worker.child.guards.watchdog import Watchdog
from celeriac.worker.child.memory import Memory

monotonic = time.monotonic


class EndingGuard(Protocol):
    """What ends the task of one thread from another."""

    cancels: bool

    def call(self, attempt: Attempt) -> object:
        """Run the task within its limits."""

    def prepare(self) -> None:
        """The next task is about to run: from now on `end` means that one."""

    def end(self, error: BaseException) -> None:
        """End it."""


class Threads:
    """What the threads of one child share. `alone` says that there is but one that runs tasks."""

    def __init__(self, door: Door, executor: Executor, memory: Memory | None = None, *, alone: bool = False) -> None:
        self._door = door
        self._executor = executor
        self._memory = memory
        self._alone = alone
        self._gone = False
        self._lock = threading.Lock()
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._idle = 0
        """Threads that wait, less those that have been called already."""
        self._guards: dict[int, EndingGuard] = {}
        door.cancel = self._cancel

    def read(self) -> None:
        """Take in what the core says until it closes the socket; then let the others end."""
        while self._door.wait_for_frames():
            self._call(len(self._door.entries))
        self._gone = True
        self._call(self._idle)

    def _call(self, count: int) -> None:
        with self._lock:
            count = min(count, self._idle)
            self._idle -= count
        for _ in range(count):
            self._wake.put(None)

    def _cancel(self, number: int, reason: str) -> None:
        with self._lock:
            guard = self._guards.get(number)
            if guard is not None:
                guard.end(TaskRevokedError(reason))

    def work(self, guard: EndingGuard) -> None:
        """Run tasks on this thread until there will be no more."""
        register = partial(self._register, guard)
        while not self._gone:
            with self._lock:
                entry = self._door.take(register)
                if entry is None:
                    self._idle += 1
                    held_up = bool(self._door.entries) and self._door.held_up
            if entry is not None:
                self._run(entry, guard)
            elif not self._gone:
                self._wait(LEASE_POLL if held_up else None)

    def _register(self, guard: EndingGuard, number: int) -> None:
        guard.prepare()
        self._guards[number] = guard

    def _wait(self, timeout: float | None) -> None:
        try:
            self._wake.get(timeout=timeout)
        except queue.Empty:
            with self._lock:
                try:
                    self._wake.get_nowait()  # the call came just now
                except queue.Empty:
                    self._idle -= 1

    def _run(self, entry: Entry, guard: EndingGuard) -> None:
        number, name, raw, verdict = entry
        lane, executor = self._door.lane, self._executor
        started = monotonic()
        if self._alone:
            lane.since = started
        judged = executor.execute(raw, name, guard) if verdict is None else executor.verdict(verdict)
        seconds = monotonic() - started
        del self._guards[number]
        self._door.put(number, seconds, judged)
        if self._alone:
            lane.since = 0.0
        if self._memory is not None:
            self._memory.look()
        if not self._door.entries:
            self._door.notify()


def run_threads(door: Door, executor: Executor, width: int, watchdog: Watchdog, memory: Memory | None = None) -> None:
    """Run plain tasks on so many threads until the core closes the socket; this thread reads."""
    threads = Threads(door, executor, memory)
    _read_beside(threads, width, watchdog)


def run_alone(door: Door, executor: Executor, watchdog: Watchdog) -> None:
    """Run plain tasks one at a time on a thread of their own; this thread reads."""
    _read_beside(Threads(door, executor, alone=True), 1, watchdog)


def _read_beside(threads: Threads, width: int, watchdog: Watchdog) -> None:
    def work() -> None:
        threads.work(ThreadGuard(watchdog))

    workers = [threading.Thread(target=work, name=f"task-{number}", daemon=True) for number in range(1, width + 1)]
    for worker in workers:
        worker.start()
    threads.read()
    for worker in workers:
        worker.join()
