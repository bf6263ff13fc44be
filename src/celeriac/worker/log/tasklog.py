"""Lines about tasks, in Celery's words: the core's, written in batches, and a child's about what went wrong.

The core says what came in and what succeeded, as far as it can tell without looking into anything. How a task
failed is known where the error is: its child says so, with the traceback.
"""

from __future__ import annotations

import asyncio
import logging

from celeriac import states
from celeriac.calls.context import Context
from celeriac.clock import Clock
from celeriac.exceptions import Ignore, Reject, Retry
from celeriac.message import values
from celeriac.message.final import state_of
from celeriac.worker.log.setup import AboutTask, LogWriterHandler, about

logger = logging.getLogger("celeriac.worker")

_FLUSH_SECONDS = 0.01
_SUCCESS = b'{"status":"SUCCESS","result":'
_TRACEBACK = b',"traceback":'


class TaskLog:
    """Collects lines; silent and free when the level is above INFO."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: list[AboutTask] = []
        self._due = False
        self.enabled = logger.isEnabledFor(logging.INFO)

    def received(self, name: str, task_id: str) -> None:
        """A message has come in."""
        self._add((name, task_id, "received"))

    def _add(self, line: AboutTask) -> None:
        """Keep a line until what is under way has been sent: nobody waits for a log."""
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self._flush_due)
        self._lines.append(line)

    def _flush_due(self) -> None:
        self._due = False
        self.flush()

    def ended(self, name: str, task_id: str, seconds: float, document: bytes) -> None:
        """A task has ended with this document, or kept none; of all but success the child has spoken."""
        if not document:
            shown = "None"
        elif document.startswith(_SUCCESS):
            start = len(_SUCCESS)
            end = document.rfind(_TRACEBACK, start, start + 2048)
            shown = document[start:end].decode(errors="replace") if end > 0 else "..."
        elif document[:1] != b"{" and state_of(document) == states.SUCCESS:
            shown = "..."
        else:
            return
        self._add((name, task_id, f"succeeded in {seconds:.{6 if seconds < 1 else 3}f}s: {shown}"))

    def flush(self) -> None:
        """Write what was collected: now, for what follows must stand behind it."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        handlers = logging.getLogger("celeriac").handlers
        if len(handlers) == 1 and isinstance(handlers[0], LogWriterHandler):
            handlers[0].emit_many(lines, self._clock.now())
        else:
            for line in lines:
                name, task_id, _ = line
                extra = {"task_id": values.one_line(task_id), "task_name": values.one_line(name)}
                logger.info("%s", about(line), extra=extra)


def shows_everything() -> bool:
    """Whether somebody is looking for an error of ours (level DEBUG): then tracebacks show our frames, too."""
    return logger.isEnabledFor(logging.DEBUG)


def say_error(context: Context, throws: tuple[type[BaseException], ...], error: BaseException) -> None:
    """Log how a task ended that did not succeed. Errors in `throws` are expected: no traceback for them."""
    level, text, trace = logging.ERROR, f"raised unexpected: {values.short_repr(error)}", True
    if isinstance(error, Retry):
        level, text, trace = logging.INFO, f"retry: {error}", False
    elif isinstance(error, Ignore):
        level, text, trace = logging.INFO, "ignored", False
    elif isinstance(error, Reject):
        level, text = logging.WARNING, f"reject requeue={error.requeue}: {error.reason}"
    elif isinstance(error, throws):
        level, text, trace = logging.INFO, f"raised expected: {values.short_repr(error)}", False
    line = about((context.shadow or context.task or "", context.id or "", text))
    logger.log(level, "%s", line, exc_info=error if trace and error.__traceback__ is not None else None)


def say_discarded(name: str, task_id: str) -> None:
    """Log that a task was revoked, or came too late, before it began."""
    extra = {"task_id": values.one_line(task_id), "task_name": values.one_line(name)}
    logger.info("Discarding revoked task: %s[%s]", name, task_id, extra=extra)


def say_unfit(queue: str, reason: str | None) -> None:
    """Log that a message cannot be run, and is kept as a dead letter."""
    logger.error("a message of queue %s cannot run: %s", queue, reason)
