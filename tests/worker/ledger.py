"""The ledger: what tasks did, written by the tasks themselves, so that no crash of a worker can take it back.

One file, opened for appending, a record of 32 bytes a write. The kernel keeps such a write whole and in its
place among those of other processes, and it is there for every reader even when the writer is killed with
the next instruction.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

_RECORD = struct.Struct("<BxxxIIIQQ")


class Kind(IntEnum):
    """What a record says."""

    ENQUEUED = 1
    START = 2
    """`extra` is the number of deaths the task was charged with before."""
    END = 3
    FRAME = 4
    """A child was given a frame; `extra` is the number of messages in it."""


@dataclass(frozen=True, slots=True)
class Record:
    """One line: `task` is the number of the task, `when` the monotonic clock in nanoseconds."""

    kind: Kind
    task: int
    worker: int = 0
    pid: int = 0
    when: int = 0
    extra: int = 0


class Ledger:
    """The file, for one that writes and for one that reads on as it grows."""

    def __init__(self, path: Path | str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._read = 0
        self.records: list[Record] = []

    def note(self, kind: Kind, task: int, worker: int = 0, extra: int = 0) -> None:
        """Write a record of this process, now."""
        os.write(self._file, _RECORD.pack(kind, worker, task, os.getpid(), time.monotonic_ns(), extra))

    def read(self) -> list[Record]:
        """All records so far."""
        self.read_new()
        return self.records

    def read_new(self) -> list[Record]:
        """The records written since the last time."""
        data = os.pread(self._file, os.fstat(self._file).st_size - self._read, self._read)
        whole = len(data) - len(data) % _RECORD.size
        self._read += whole
        new = [
            Record(Kind(kind), task, worker, pid, when, extra)
            for kind, worker, task, pid, when, extra in _RECORD.iter_unpack(data[:whole])
        ]
        self.records += new
        return new

    def starts(self, *tasks: int) -> list[Record]:
        """The beginnings, of these tasks or of all."""
        return [record for record in self.read() if record.kind == Kind.START and (not tasks or record.task in tasks)]

    def ends(self, *tasks: int) -> list[Record]:
        """The ends, of these tasks or of all."""
        return [record for record in self.read() if record.kind == Kind.END and (not tasks or record.task in tasks)]

    def wait_for_starts(self, count: int, *tasks: int, seconds: float = 10.0) -> list[Record]:
        """Return the beginnings when there are so many, of these tasks or of all."""
        wait_until(lambda: len(self.starts(*tasks)) >= count, seconds, f"{count} beginnings of {tasks or 'tasks'}")
        return self.starts(*tasks)

    def wait_for_ends(self, count: int, *tasks: int, seconds: float = 10.0) -> list[Record]:
        """The same for ends."""
        wait_until(lambda: len(self.ends(*tasks)) >= count, seconds, f"{count} ends of {tasks or 'tasks'}")
        return self.ends(*tasks)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def wait_until(condition: Callable[[], object], seconds: float, what: str, pause: float = 0.001) -> None:
    """Return when something that no file descriptor tells of has become true; fail after `seconds`."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError(f"after {seconds:g} s there was still no {what}")
        time.sleep(pause)
