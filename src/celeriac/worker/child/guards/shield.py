"""What limits wait for: the end of what must not be torn apart, or would swallow the error.

It is found by looking at the stack of the thread when a limit has passed, so it costs nothing before.
"""

from __future__ import annotations

import logging
from types import CodeType, FrameType

from celeriac.interrupts import sections

_MACHINERY = frozenset(
    ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>", logging.log.__code__.co_filename)
)
"""The files of the import system, whose locks an exception in the wrong place leaves locked for ever, and of
logging, which has locks too and prints what is raised in a handler, where it ends."""

_PATIENCE_SECONDS = 1.0
"""How long a limit waits for what may take any time: a module's own code, a handler that sends a mail."""


def holds_off(frame: FrameType | None, task: CodeType, seconds: float) -> bool:
    """Whether a limit that passed so many seconds ago waits for what a thread does, of which this is the last frame.

    `task` is the code that has called the task. After a second a limit waits only for the machinery itself.
    """
    if frame is not None and frame.f_code.co_filename in _MACHINERY:
        return True
    while seconds < _PATIENCE_SECONDS and frame is not None and frame.f_code is not task:
        code = frame.f_code
        if code in sections or code.co_filename in _MACHINERY or code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False
