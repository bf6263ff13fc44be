"""The thread of a child that knows when a limit has passed, and sleeps until then."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from celeriac.worker.child.guards.running import NEVER, Running

monotonic = time.monotonic

_AGAIN_SECONDS = (0.002, 0.05)
"""How soon it rings again for what has not been dealt with, at first and at last: most of what a limit waits for
takes a fraction of a millisecond."""
_LONGEST_SLEEP = 3600.0


class Watched(Protocol):
    """A thread that runs tasks."""

    running: Running | None

    def ring(self, running: Running) -> None:
        """A limit of what runs there has passed, or seems to have; called again until that is dealt with."""


class Watchdog:
    """Watches threads that run tasks; its own thread starts with the first limit.

    It sleeps until the earliest instant it knows of and looks again then, so that a task whose limit is
    later than that (nearly all, where limits are alike) costs no wake-up.
    """

    def __init__(self) -> None:
        self._watched: list[Watched] = []
        self._condition = threading.Condition()
        self._wakes_at = NEVER
        self._thread: threading.Thread | None = None

    def watch(self, watched: Watched) -> None:
        """Look at this one too."""
        self._watched.append(watched)

    def expect(self, when: float) -> None:
        """A limit passes then; what it belongs to is in its place already."""
        if when >= self._wakes_at:
            return
        with self._condition:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="celeriac-watchdog", daemon=True)
                self._thread.start()
            self._condition.notify()

    def _run(self) -> None:
        with self._condition:
            while True:
                # From here on everybody who expects something calls, until it is known when to look again.
                self._wakes_at = NEVER
                self._wakes_at = when = self._look(monotonic())
                self._condition.wait(min(_LONGEST_SLEEP, max(0.0, when - monotonic())))

    def _look(self, now: float) -> float:
        earliest = NEVER
        for watched in self._watched:
            running = watched.running
            if running is None:
                continue
            when = running.next
            if when <= now:
                watched.ring(running)
                running.rings += 1
                when = now + min(_AGAIN_SECONDS[0] * (1 + running.rings // 10), _AGAIN_SECONDS[1])
            earliest = min(earliest, when)
        return earliest
