"""Limits of a task on a greenlet: the hub throws into it where it waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celeriac.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded
from celeriac.worker.child.attempt import Attempt
from celeriac.worker.child.guards.shield import holds_off

_AGAIN_SECONDS = 0.005


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
        self._timers: list[Any] = []

    def end(self, error: BaseException) -> None:
        """End it."""
        self._kill_for(error, lambda: self._hub.loop.run_callback(self._throw, error))

    def call(self, attempt: Attempt) -> Any:
        """Run the task within its limits."""
        if self.sentence is not None:
            raise self.sentence
        self._start_timers(attempt)
        self._inside = True
        try:
            return attempt.task.body(*attempt.args, **attempt.kwargs)
        finally:
            self._inside = False
            for timer in self._timers:
                timer.stop()
                timer.close()
            if self.sentence is not None:
                raise self.sentence

    def _start_timers(self, attempt: Attempt) -> None:
        limits = attempt.limits
        if limits is not None and limits.soft:
            self._call_later(limits.soft, self._throw, SoftTimeLimitExceeded())
        if limits is not None and limits.hard:
            error = TimeLimitExceeded(limits.hard)
            self._call_later(limits.hard, self._kill_for, error, lambda: self._throw(error))

    def _call_later(self, seconds: float, function: Callable[..., object], *arguments: object) -> None:
        self._timers.append(self._hub.loop.timer(seconds))
        self._timers[-1].start(function, *arguments)

    def _kill_for(self, error: BaseException, execute: Any) -> None:
        if self.sentence is None:
            self.sentence = error
            execute()

    def _throw(self, error: BaseException, waited: float = 0.0) -> None:
        if not self._inside:
            return
        if holds_off(self.greenlet.gr_frame, _CALL, waited):
            self._call_later(_AGAIN_SECONDS, self._throw, error, waited + _AGAIN_SECONDS)
        else:
            self.greenlet.throw(error)


_CALL = GreenletGuard.call.__code__
