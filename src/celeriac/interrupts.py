"""What an exception from outside must not tear apart: Ctrl-C, a signal's handler, a limit, one thrown into a thread.

Such an exception can land behind any step of a thread, and Python cannot hold it back. So whatever is held here
knows its holder, and is let go of by two `finally`, one within the other: what lands in the first, the second
mends. The worker's own limits wait for the end of a `section`, and are told by `deliver` when it is there.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, TypeVar

from celeriac.exceptions import OperationalError, SoftTimeLimitExceeded, TaskRevokedError, TimeLimitExceeded

R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

FROM_OUTSIDE = (KeyboardInterrupt, SoftTimeLimitExceeded, TimeLimitExceeded, TaskRevokedError)
"""What is raised by no code that it comes out of: to be let pass where the errors of other people's code are caught."""

sections: set[CodeType] = set()
"""The code of all sections."""

due: dict[int, Callable[[], object]] = {}
"""What is to be called at the end of a section, by the thread that is in it."""

_IO = frozenset({"celeriac", "contextlib", "gevent", "os", "selectors", "socket", "sqlite3", "ssl"})


class Turn:
    """A lock that knows its holder: an exception between taking it and noting that cannot lose it."""

    __slots__ = ("_free", "mine", "take")

    def __init__(self, lock: Any = None) -> None:
        lock = threading.RLock() if lock is None else lock
        # The lock's own methods, without a step of Python around them.
        self.take: Callable[..., bool] = lock.acquire
        """Take it, waiting for it unless `blocking=False`; not where it is `mine` already."""
        self.mine: Callable[[], bool] = lock._is_owned
        """Whether this thread holds it."""
        self._free: Callable[[], None] = lock.release

    def leave(self) -> None:
        """Let go of it if this thread holds it."""
        while self.mine():
            self._free()


def holding(turn: Turn, act: Callable[[], R]) -> R:
    """Act while holding a turn, which is free afterwards wherever an exception has landed.

    A signal's handler that comes here again, in the midst of it, acts at once: nobody else could let it in.
    """
    if turn.mine():
        return act()
    try:
        try:
            turn.take()
            return act()
        finally:
            turn.leave()
    finally:
        turn.leave()


def section(function: F) -> F:
    """Mark a function that limits do not interrupt: it is short, and waits for nothing that may be long."""
    sections.add(function.__code__)
    return function


def refuse_within(function: Callable[..., Any]) -> None:
    """Raise `OperationalError` in the handler of a signal that came in the midst of a function."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code is function.__code__:
            raise OperationalError("a signal's handler asks for something in the midst of a request of its own thread")
        frame = frame.f_back


def deliver() -> None:
    """Raise what waited for the end of a section; asked for only where there is something `due` at all."""
    tell = due.pop(threading.get_ident(), None)
    if tell is not None:
        tell()


def is_foreign(error: BaseException) -> bool:
    """Whether an `OSError` is not the system's answer to us, but was raised by whatever interrupted us.

    Many a handler of SIGALRM raises a `TimeoutError`, which is one: it must not pass for that of a socket.
    """
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    return str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0] not in _IO
