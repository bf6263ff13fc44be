"""Limits of a task on the main thread: a signal interrupts whatever it waits for, and its handler raises."""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

from celeriac import interrupts
from celeriac.worker.child.attempt import Attempt
from celeriac.worker.child.guards.running import NEVER, Running
from celeriac.worker.child.guards.shield import holds_off
from celeriac.worker.child.guards.watchdog import Watchdog

monotonic = time.monotonic


class MainThreadGuard:
    """Raises in the main thread by SIGUSR1, as Celery does for soft limits; SIGALRM stays the user's.

    The handler raises only where it interrupts the task itself: not before it has begun, and not once it
    has returned, so no limit can hit the next task. What must not be torn apart comes to its end before
    (`shield`). `alone` says that no other process ends what does not obey (`solo`): then the hard limit and
    cancelling are raised here too.
    """

    def __init__(self, watchdog: Watchdog, *, alone: bool = False) -> None:
        self.cancels = alone
        self.running: Running | None = None
        self._alone = alone
        self._watchdog = watchdog
        self._drain: BaseException | None = None
        self._installed = False
        watchdog.watch(self)
        if alone:
            self._install()

    def prepare(self) -> None:
        """The next task is about to run: from now on `end` means that one."""
        self._drain = None

    def call(self, attempt: Attempt) -> Any:
        """Run the task within its limits."""
        if not self._installed:
            self._install()
        running = Running(attempt.limits)
        if not self._alone:
            running.hard = NEVER
        self.running = running
        if running.next < NEVER:
            self._watchdog.expect(running.next)
        if self._drain is not None:
            raise self._drain
        try:
            running.inside = True
            return attempt.task.body(*attempt.args, **attempt.kwargs)
        finally:
            self.running = None
            interrupts.due.pop(_MAIN, None)
            if running.sentence is not None:
                raise running.sentence

    def _install(self) -> None:
        self._installed = True
        signal.signal(signal.SIGUSR1, self._on_signal)

    def ring(self, running: Running) -> None:
        """Interrupt the main thread, which then looks for itself."""
        signal.pthread_kill(_MAIN, signal.SIGUSR1)

    def end(self, error: BaseException) -> None:
        """End what was prepared, from another thread."""
        self._drain = error
        running = self.running
        if running is not None:
            running.sentence = error
            running.hard = monotonic()
            self._watchdog.expect(0.0)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        running = self.running
        if running is None or not running.inside or (frame is not None and frame.f_code is _CALL):
            return
        passed = running.next
        if passed > (now := monotonic()):
            return
        if holds_off(frame, _CALL, now - passed):
            interrupts.due[_MAIN] = self._tell
            return
        error = running.take_due()
        if error is not None:
            raise error

    def _tell(self) -> None:
        """At the end of a section."""
        self._on_signal(0, sys._getframe(1))


_MAIN = threading.main_thread().ident or 0
_CALL = MainThreadGuard.call.__code__
