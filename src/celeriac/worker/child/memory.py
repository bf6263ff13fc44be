"""What a child has grown to, and that it asks to be replaced."""

from __future__ import annotations

import os
import resource
import sys

from celeriac.worker.child.door import Door

_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
_PEAK_KIB = 1 if sys.platform == "linux" else 1024
"""In what getrusage(2) counts: KiB on Linux, bytes on macOS."""


class Memory:
    """The limit of `most` KiB of resident memory for the process that serves these doors.

    Where the system does not tell the present size cheaply (all but Linux), the peak is what counts.
    """

    def __init__(self, maximum: int, doors: tuple[Door, ...]) -> None:
        self.over = False
        self._maximum = maximum
        self._doors = doors
        try:
            self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._statm = -1

    def look(self) -> None:
        """Where the limit is passed, no lane of the child begins anything more, and the core is told."""
        if self.over or self._resident() <= self._maximum:
            return
        self.over = True
        for door in self._doors:
            door.ask_to_be_replaced()

    def _resident(self) -> int:
        if self._statm < 0:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // _PEAK_KIB
        return int(os.pread(self._statm, 128, 0).split()[1]) * _PAGE_KIB
