"""Tasks that do one thing of ours until their soft limit: it lands in the midst of that nearly every time."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
from typing import Any

from celeriac.exceptions import SoftTimeLimitExceeded, TimeoutError
from tests.worker.tasks import app

app.conf.task_publish_deadline = 20.0
logger = logging.getLogger("busy")
_foreign = logging.getLogger("foreign")
_foreign.addHandler(logging.StreamHandler(io.StringIO()))
_foreign.propagate = False
_LIMIT = 0.15


@app.task(name="tiny", ignore_result=True)
def tiny() -> None:
    """Nothing."""


def sends() -> None:
    """Enqueue another task."""
    tiny.apply_async(queue="nobody")


def gets() -> None:
    """Wait for what does not come."""
    with contextlib.suppress(TimeoutError):
        app.AsyncResult("nobody").get(timeout=0.01, disable_sync_subtasks=False)


def logs() -> None:
    """Write a long record into the worker's log."""
    logger.warning("%s", "x" * 6000)


def logs_elsewhere() -> None:
    """Write a record by a handler that prints what is raised in it, and goes on."""
    _foreign.warning("%s", "x" * 600)


def imports() -> None:
    """Look for a module, under the lock that all who look for it share."""
    with contextlib.suppress(ImportError):
        importlib.import_module("tests.worker.this_is_no_module")


_ACTS = {act.__name__: act for act in (sends, gets, logs, logs_elsewhere, imports)}


@app.task(bind=True, name="busy", soft_time_limit=_LIMIT)
def busy(self: Any, act: str, number: int) -> int:
    """Do it until told to end; the error that tells must be the limit's own."""
    try:
        while True:
            if act == "says":
                self.update_state(state="PROGRESS", meta={"number": number})
            else:
                _ACTS[act]()
    except SoftTimeLimitExceeded:
        return number
