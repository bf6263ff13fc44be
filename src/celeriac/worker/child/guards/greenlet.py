"""Limits of a task on a greenlet: the hub throws into it where it waits."""

from __future__ import annotations

from typing import Any

from celeriac.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded
from celeriac.worker.child.attempt import Attempt


class GreenletGuard:
    """Ends the one run it was made for. `hub` is gevent's; what it calls, it calls between switches.

    A task that does not wait keeps all others waiting, its guard too: only the core can end that, with the
    child.
    """

    cancels = True

    def __init__(self, hub: Any) -> None:
        self.greenlet: Any = None
        self.sentence: BaseException | None = None
        self._hub = hub
        self._inside = False

    def end(self, error: BaseException) -> None:
        """End it."""
        self._condemn(error, lambda: self._hub.loop.run_callback(self._throw, error))

    def call(self, attempt: Attempt) -> Any:
        """Run the task within its limits."""
        if self.sentence is not None:
            raise self.sentence
        timers = self._start_timers(attempt)
        self._inside = True
        try:
            return attempt.task.body(*attempt.args, **attempt.kwargs)
        finally:
            self._inside = False
            for timer in timers:
                timer.stop()
                timer.close()
            if self.sentence is not None:
                raise self.sentence

    def _start_timers(self, attempt: Attempt) -> list[Any]:
        timers: list[Any] = []
        limits = attempt.limits
        if limits is not None and limits.soft:
            timers.append(self._hub.loop.timer(limits.soft))
            timers[-1].start(self._throw, SoftTimeLimitExceeded())
        if limits is not None and limits.hard:
            error = TimeLimitExceeded(limits.hard)
            timers.append(self._hub.loop.timer(limits.hard))
            timers[-1].start(self._condemn, error, lambda: self._throw(error))
        return timers

    def _condemn(self, error: BaseException, execute: Any) -> None:
        if self.sentence is None:
            self.sentence = error
            execute()

    def _throw(self, error: BaseException) -> None:
        if self._inside:
            self.greenlet.throw(error)
