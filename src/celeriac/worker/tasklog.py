"""Lines about tasks, in Celery's words, written in batches: one time stamp and one write for all of a turn."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

from celeriac.clock import Clock

logger = logging.getLogger("celeriac.worker")

_FLUSH_SECONDS = 0.01
_RESULT = b'"result":'
_TRACEBACK = b',"traceback":'


class TaskLog:
    """Collects lines; silent and free when the level is above INFO."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: list[str] = []
        self.enabled = logger.isEnabledFor(logging.INFO)

    def received(self, name: str, task_id: str) -> None:
        """A message has come in."""
        self._add(f"Task {name}[{task_id}] received")

    def _add(self, line: str) -> None:
        """Keep a line until what is under way has been sent: nobody waits for a log."""
        if not self._lines:
            asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self.flush)
        self._lines.append(line)

    def ended(self, name: str, task_id: str, seconds: float, document: bytes) -> None:
        """A task has ended with this document."""
        verb = "raised" if document.startswith(b'{"status":"FAILURE"') else "succeeded"
        start = document.find(_RESULT) + len(_RESULT)
        end = document.rfind(_TRACEBACK, start, start + 2048) if document else -1
        shown = document[start:end].decode(errors="replace") if end > 0 else "..." if document else "None"
        self._add(f"Task {name}[{task_id}] {verb} in {seconds:.9g}s: {shown}")

    def flush(self) -> None:
        """Write what was collected, through the handlers of the worker's logger."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        stamp = datetime.fromtimestamp(self._clock.now())
        prefix = f"[{stamp:%Y-%m-%d %H:%M:%S},{stamp.microsecond // 1000:03d}: INFO/MainProcess] "
        text = prefix + f"\n{prefix}".join(lines) + "\n"
        for handler in logger.handlers or logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.acquire()
                try:
                    handler.stream.write(text)
                    handler.flush()
                finally:
                    handler.release()


def set_up_logging(level: str) -> None:
    """Let the worker's own records go to standard error in Celery's form; the root logger is not touched."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("[%(asctime)s: %(levelname)s/%(processName)s] %(message)s"))
    worker_logger = logging.getLogger("celeriac")
    worker_logger.addHandler(handler)
    worker_logger.setLevel(level.upper())
    logger.addHandler(handler)
    logger.propagate = False
