"""Limits of a coroutine: the event loop throws into it where it waits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any

from celeriac.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded
from celeriac.worker.child.attempt import Attempt


class _SoftLimit(SoftTimeLimitExceeded, asyncio.CancelledError):
    """What is thrown: libraries that clean up when they are cancelled, task groups among them, do so here too."""


_SoftLimit.__name__ = _SoftLimit.__qualname__ = SoftTimeLimitExceeded.__name__
_SoftLimit.__module__ = SoftTimeLimitExceeded.__module__


class _Steered:
    """A coroutine into which an error can be thrown while it waits.

    Cancelling its task ends what it waits for; the `CancelledError` that then arrives here is replaced.
    """

    __slots__ = ("_coroutine", "_error", "_task")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], task: asyncio.Task[Any]) -> None:
        self._coroutine = coroutine
        self._task = task
        self._error: BaseException | None = None

    def throw(self, error: BaseException) -> None:
        self._error = error
        self._task.cancel()

    def __await__(self) -> Generator[Any, Any, Any]:
        coroutine = self._coroutine
        try:
            waits_for = coroutine.send(None)
            while True:
                try:
                    value = yield waits_for
                except BaseException as error:
                    waits_for = coroutine.throw(self._replace(error))
                else:
                    waits_for = coroutine.send(value)
        except StopIteration as end:
            return end.value
        finally:
            coroutine.close()

    def _replace(self, error: BaseException) -> BaseException:
        if self._error is None or not isinstance(error, asyncio.CancelledError):
            return error
        error, self._error = self._error, None
        self._task.uncancel()
        return error


class CoroutineGuard:
    """Ends one run of one task: at the soft limit by an error at its `await`, else by cancelling it.

    `sentence` is what the run ends as, whatever the task makes of being cancelled.
    """

    __slots__ = ("_inside", "sentence", "task")

    def __init__(self) -> None:
        self.task: asyncio.Task[Any] | None = None
        self.sentence: BaseException | None = None
        self._inside = False

    def end(self, error: BaseException) -> None:
        """Cancel it."""
        self.sentence = self.sentence or error
        if self._inside and self.task is not None:
            self.task.cancel()

    async def call(self, attempt: Attempt) -> Any:
        """Run the task within its limits."""
        if self.sentence is not None:
            raise self.sentence
        self._inside = True
        try:
            coroutine = attempt.task.body(*attempt.args, **attempt.kwargs)
            return await (coroutine if attempt.limits is None else self._limited(coroutine, attempt))
        finally:
            self._inside = False
            if self.sentence is not None:
                raise self.sentence

    async def _limited(self, coroutine: Coroutine[Any, Any, Any], attempt: Attempt) -> Any:
        limits, loop = attempt.limits, asyncio.get_running_loop()
        assert limits is not None
        assert self.task is not None
        steered = _Steered(coroutine, self.task)
        timers = []
        if limits.soft:
            timers.append(loop.call_later(limits.soft, lambda: steered.throw(_SoftLimit())))
        if limits.hard:
            timers.append(loop.call_later(limits.hard, self.end, TimeLimitExceeded(limits.hard)))
        try:
            return await steered
        finally:
            for timer in timers:
                timer.cancel()
