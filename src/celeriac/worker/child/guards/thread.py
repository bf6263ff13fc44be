"""Limits of a task on any thread: an exception that the interpreter raises there at the next step of Python."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from functools import partial
from typing import Any

from celeriac import interrupts
from celeriac.worker.child.attempt import Attempt
from celeriac.worker.child.guards.running import NEVER, Running
from celeriac.worker.child.guards.shield import holds_off
from celeriac.worker.child.guards.watchdog import Watchdog

monotonic = time.monotonic

_raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc


class _Target(Running):
    """A run and the thread it can be hit in: 0, which is no thread, before and after.

    The identity stands in a C integer that is read within the very call that raises. That call keeps the
    interpreter's lock, so a run whose thread has written 0 cannot be hit any more.
    """

    __slots__ = ("thread",)

    def __init__(self, limits: Any) -> None:
        super().__init__(limits)
        self.thread = ctypes.c_ulong(0)


class ThreadGuard:
    """Raises in the thread that called `call`, with PyThreadState_SetAsyncExc.

    It takes effect when Python code runs there again: a call that blocks in C is not interrupted. What was
    raised and has not arrived when the task returns is taken back, so it cannot hit the next task. What must not
    be torn apart comes to its end before (`shield`).
    """

    cancels = True

    def __init__(self, watchdog: Watchdog) -> None:
        self.running: Running | None = None
        self._drain: BaseException | None = None
        self._watchdog = watchdog
        watchdog.watch(self)

    def prepare(self) -> None:
        """The next task is about to run: from now on `end` means that one."""
        self._drain = None

    def call(self, attempt: Attempt) -> Any:
        """Run the task within its limits."""
        target = _Target(attempt.limits)
        self.running = target
        if target.next < NEVER:
            self._watchdog.expect(target.next)
        if self._drain is not None:
            raise self._drain
        try:
            return _run(attempt, target)
        finally:
            self.running = None
            interrupts.due.pop(threading.get_ident(), None)
            if target.sentence is not None:
                raise target.sentence

    def ring(self, running: Running) -> None:
        """Raise what is due in the task, if it is inside; else the watchdog asks again."""
        assert isinstance(running, _Target)
        thread = running.thread.value
        if not thread:
            return
        passed = running.next
        if holds_off(sys._current_frames().get(thread), _CALL, monotonic() - passed):
            interrupts.due[thread] = partial(self._tell, running)
            return
        error = running.take_due()
        if error is not None:
            _raise_in(running.thread, ctypes.py_object(type(error)))

    def _tell(self, running: _Target) -> None:
        """At the end of a section, in the thread itself."""
        if not running.thread.value or holds_off(sys._getframe(1), _CALL, monotonic() - running.next):
            return
        error = running.take_due()
        if error is not None:
            raise error

    def end(self, error: BaseException) -> None:
        """End what was prepared, from another thread."""
        self._drain = error
        running = self.running
        if running is not None:
            running.sentence = error
            running.hard = monotonic()
            self._watchdog.expect(0.0)


def _run(attempt: Attempt, target: _Target) -> Any:
    """Call the task; nothing raised from outside is left behind.

    Between the task's return and the last line the interpreter has no reason to look for such an exception.
    Should it look all the same, at most one can be on its way once the thread is 0, and it is raised here.
    """
    own = ctypes.c_ulong(threading.get_ident())
    try:
        try:
            target.thread.value = own.value
            return attempt.task.body(*attempt.args, **attempt.kwargs)
        finally:
            target.thread.value = 0
    finally:
        _raise_in(own, None)


_CALL = _run.__code__
