"""When each task ran: a file that every process of a run maps, written by the tasks themselves.

A task stores one byte and one time, under a microsecond, so that measuring does not depend on what a queue
reports of itself. The clock is the machine's monotonic one, the same in all processes. This module runs in
every system's environment and needs the standard library alone.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable
from pathlib import Path

from bench.failure import RunFailed

VARIABLE = "BENCH_MARKS"
"""The environment variable that names the file."""

_TIME_BYTES = 8
_POLL_SECONDS = 0.01


class Marks:
    """One byte and one time for each of `count` tasks."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self.count = len(self._memory) // (1 + _TIME_BYTES)
        view = memoryview(self._memory)
        self.times = view[: self.count * _TIME_BYTES].cast("d")
        self.flags = view[self.count * _TIME_BYTES :]

    @classmethod
    def create(cls, path: Path, count: int) -> Marks:
        """A new file in which nothing has run."""
        path.write_bytes(bytes(count * (1 + _TIME_BYTES)))
        return cls(path)

    def missing_from(self, start: int) -> int:
        """The first task from `start` on that has not run, or `count`."""
        at = self._memory.find(b"\0", self.count * _TIME_BYTES + start)
        return self.count if at < 0 else at - self.count * _TIME_BYTES

    def done(self) -> int:
        """How many tasks have run."""
        return bytes(self.flags).count(1)

    def wait_for_first(self, seconds: float, check: Callable[[], None]) -> None:
        """Until any task has run; `check` is called while waiting and raises when waiting has no use."""
        ends = time.monotonic() + seconds
        while self._memory.find(b"\1", self.count * _TIME_BYTES) < 0:
            _pause(0.001, ends, "no task ran", check)

    def wait_for_all(self, seconds: float, check: Callable[[], None]) -> None:
        """Until every task has run; it gives up when none has run for so many seconds."""
        at, ends = 0, time.monotonic() + seconds
        while (missing := self.missing_from(at)) < self.count:
            if missing > at:
                at, ends = missing, time.monotonic() + seconds
            _pause(_POLL_SECONDS, ends, f"only {self.done()} of {self.count} tasks ran", check)

    def starts(self) -> list[float]:
        """When the tasks began, in order of time."""
        return sorted(self.times)


def _pause(seconds: float, ends: float, complaint: str, check: Callable[[], None]) -> None:
    check()
    if time.monotonic() > ends:
        raise RunFailed(complaint)
    time.sleep(seconds)


def recorder() -> Callable[[int], None]:
    """What a task calls with its number when it begins; the file is the one that the environment names."""
    marks = Marks(Path(os.environ[VARIABLE]))
    times, flags, monotonic = marks.times, marks.flags, time.monotonic

    def record(number: int) -> None:
        times[number] = monotonic()
        flags[number] = 1

    return record
