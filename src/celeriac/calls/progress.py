"""What a running task says of itself: states of its own, and how far it is.

A document is written by the worker's core, under the task's claim: a task that has lost its lease, and runs on
somewhere, changes nothing any more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from celeriac.calls.context import Context
from celeriac.clock import SYSTEM_CLOCK
from celeriac.message import document

PROGRESS = "PROGRESS"
"""The state under which Celery's programs look for progress."""

PAUSE_SECONDS = 0.1
"""How long after one report of progress the next may come."""


class Progress(Struct, frozen=True):
    """How far a task is: `done` of `total` (None where nobody knows), and a word about it."""

    done: float
    total: float | None = None
    message: str = ""

    @property
    def fraction(self) -> float | None:
        """From 0 to 1."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total else None


def say(request: Context, task_id: str | None, state: str, meta: Any, write: Callable[[str, bytes], None]) -> None:
    """Have the document of a running task replaced by this state.

    Of another task, and outside a worker, `write` does it, for an id that is given. Raises `EncodeError` for a `meta`
    that cannot be written, `ResultTooLarge` for one beyond a few ten thousand bytes.
    """
    id = task_id or request.id
    if id is None or request.ignore_result:
        return
    if request.say is None or id != request.id:
        if task_id is not None:
            write(task_id, document.write_state(task_id, state, meta, SYSTEM_CLOCK.now()))
        return
    written = document.write_state(id, state, meta, SYSTEM_CLOCK.now())
    request.said = written
    request.say(id, written)


def report(request: Context, done: float, total: float | None, message: str) -> None:
    """Say how far it is, if the last time is long enough ago, or it is done."""
    if request.say is None:
        return
    now = SYSTEM_CLOCK.monotonic()
    if now - getattr(request, "spoke", -PAUSE_SECONDS) < PAUSE_SECONDS and done != total:
        return
    request.spoke = now
    say(request, None, PROGRESS, to_meta(Progress(done, total, message)), _nowhere)


def _nowhere(id: str, document: bytes) -> None:
    """Progress is said by who makes it."""


def to_meta(progress: Progress) -> dict[str, Any]:
    """As a dict, under the names that Celery's manual and its progress bars use."""
    fraction = progress.fraction
    return {
        "current": progress.done,
        "total": progress.total,
        "percent": None if fraction is None else round(100 * fraction, 2),
        "description": progress.message,
        "pending": False,
    }


def from_meta(meta: Any) -> Progress | None:
    """The progress that is in a dict of that kind; None where there is none."""
    if not isinstance(meta, dict):
        return None
    done, total = (_number(meta.get(name)) for name in ("current", "total"))
    return None if done is None else Progress(done, total, str(meta.get("description") or ""))


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
