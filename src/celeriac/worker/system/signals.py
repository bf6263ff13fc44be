"""Signals to a process that runs tasks itself: heard whatever its main thread does, and none of what tasks fork."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Collection
from types import FrameType


class SignalListener:
    """Hears signals on a thread of its own: each is written to a socket the moment it comes.

    A handler alone may be called late: that of a signal which comes just before the main thread begins to wait is
    called when the wait is over, which may be never (`signal.set_wakeup_fd` is the way around it).
    """

    def __init__(self, numbers: Collection[int], obey: Callable[[int], None]) -> None:
        self._numbers = frozenset(numbers)
        self._obey = obey
        self._heard, self._written = socket.socketpair()

    def open(self) -> None:
        """Begin, on the main thread."""
        self._written.setblocking(False)
        signal.set_wakeup_fd(self._written.fileno(), warn_on_full_buffer=False)
        for number in self._numbers:
            signal.signal(number, self._pass_on)
        spare_forks(self._numbers)
        threading.Thread(target=self._hear, name="signals", daemon=True).start()

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        """Write the number where a task has taken the place of our socket: a loop that listens to signals does."""
        ours = self._written.fileno()
        theirs = signal.set_wakeup_fd(ours, warn_on_full_buffer=False)
        if theirs != ours:
            # Full of what nobody has read: it is being read, and one signal more changes nothing.
            with contextlib.suppress(BlockingIOError):
                self._written.send(bytes([number]))
            if theirs >= 0:
                signal.set_wakeup_fd(theirs)

    def _hear(self) -> None:
        while True:
            for number in self._heard.recv(64):
                if number in self._numbers:
                    self._obey(number)


def spare_forks(numbers: Collection[int]) -> None:
    """Give these signals their usual meaning in every process that is forked from now on, from its first moment."""
    before = threading.local()

    def hold() -> None:
        before.mask = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)

    def let_go() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before.mask)

    def forget() -> None:
        signal.set_wakeup_fd(-1)
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        let_go()

    os.register_at_fork(before=hold, after_in_parent=let_go, after_in_child=forget)
