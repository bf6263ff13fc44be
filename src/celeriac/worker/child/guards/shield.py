"""What limits wait for: the end of what must not be torn apart, or would swallow the error.

It is found by looking at the stack of the thread when a limit has passed, so it costs nothing before.
"""

from __future__ import annotations

import logging
from types import CodeType, FrameType

from celeriac.interrupts import sections

_LOCKS = "<frozen importlib._bootstrap>"
_FINDERS = "<frozen importlib._bootstrap_external>"
"""The import system's files: in that of the locks, an exception in the wrong place leaves one locked for ever. The
finders, which look at files, let it pass."""

_LOGGING = logging.log.__code__.co_filename
_LOGGER = "Logger."
_LOOK = logging.Logger.isEnabledFor.__code__
"""The file of logging: handlers have locks, and many print what is raised in them, where it ends. Loggers, which call
them, let it pass."""

_PATIENCE_SECONDS = 1.0
"""How long a limit waits for what may take any time: a module's own code, a handler that sends a mail."""


def holds_off(frame: FrameType | None, task: CodeType, seconds: float) -> bool:
    """Whether a limit that passed so many seconds ago waits for what a thread does, of which this is the last frame.

    `task` is the code that has called the task. After a second a limit waits only for the machinery itself, and no
    longer for what looks for modules: a thread that does nothing else is nearly always there when it is looked at.
    """
    if frame is not None and _is_machinery(frame.f_code):
        return seconds < _PATIENCE_SECONDS or frame.f_code.co_filename != _FINDERS
    while seconds < _PATIENCE_SECONDS and frame is not None and frame.f_code is not task:
        code = frame.f_code
        if code in sections or code.co_name == "__del__" or _is_machinery(code):
            return True
        frame = frame.f_back
    return False


def _is_machinery(code: CodeType) -> bool:
    file = code.co_filename
    if file == _LOGGING:
        return code is _LOOK or not code.co_qualname.startswith(_LOGGER)
    return file in (_LOCKS, _FINDERS)
