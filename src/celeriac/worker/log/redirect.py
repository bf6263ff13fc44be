"""What stands in for `sys.stdout` and `sys.stderr` in a child: what is printed becomes records of a logger."""

from __future__ import annotations

import io
import logging
import threading
from typing import Any

from celeriac.calls.context import Context, current
from celeriac.message.values import one_line


class _Unfinished(threading.local):
    """What a thread has printed of a line, the call that printed it, and whether it is being logged just now."""

    text = ""
    context: Context | None = None
    logging = False


class Redirected(io.TextIOBase):
    """A text stream that logs each line when it ends, in the name of the task that printed it.

    `flush` logs a line that has not ended. What a handler prints while it logs a line of this stream is
    dropped: it would come back here for ever.
    """

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, logger: logging.Logger, level: int, descriptor: int) -> None:
        self._logger = logger
        self._level = level
        self._descriptor = descriptor
        self._unfinished = _Unfinished()

    def write(self, text: str) -> int:
        """Take text; always all of it."""
        state = self._unfinished
        if state.logging or not text:
            return len(text)
        context = current.get()
        if state.text and state.context is not context:
            self.flush()
        *lines, state.text = (state.text + text).split("\n")
        state.context = context
        for line in lines:
            self._log(line, context)
        return len(text)

    def flush(self) -> None:
        """Log what there is of a line."""
        state = self._unfinished
        text, state.text = state.text, ""
        if text and state.context is not None:
            self._log(text, state.context)

    def _log(self, line: str, context: Context) -> None:
        line = line.rstrip("\r")
        if not line.strip():
            return
        task: dict[str, Any] = {}
        if context.id is not None:
            task = {"task_id": one_line(str(context.id)), "task_name": one_line(str(context.task))}
        self._unfinished.logging = True
        try:
            self._logger.log(self._level, "%s", line, extra=task)
        finally:
            self._unfinished.logging = False

    def fileno(self) -> int:
        """The descriptor of what it stands in for, for programs that are started with it."""
        return self._descriptor

    def writable(self) -> bool:
        """It is for writing."""
        return True
