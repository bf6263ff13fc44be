"""Whether the code that runs here may wait for a task: in a task it may not, unless it says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from celeriac.calls.context import current

_NEVER = (
    "Never call result.get() within a task! A task that waits for another keeps its place in the worker, and when "
    "all places wait, nothing ends. Link the tasks instead, or say disable_sync_subtasks=False or "
    "`with allow_join_result():` where it cannot happen."
)

_allowed: ContextVar[bool | None] = ContextVar("celeriac_may_join", default=None)


def task_join_will_block() -> bool:
    """Whether waiting here would keep a worker's place: this is a task, run by a worker."""
    allowed = _allowed.get()
    if allowed is not None:
        return not allowed
    request = current.get()
    return not request.called_directly and not request.is_eager


def assert_will_not_block() -> None:
    """Raise `RuntimeError` where a task would wait for another."""
    if task_join_will_block():
        raise RuntimeError(_NEVER)


@contextmanager
def allow_join_result() -> Iterator[None]:
    """In this block a task may wait for another."""
    token = _allowed.set(True)
    try:
        yield
    finally:
        _allowed.reset(token)


@contextmanager
def denied_join_result() -> Iterator[None]:
    """In this block nobody may wait for a task."""
    token = _allowed.set(False)
    try:
        yield
    finally:
        _allowed.reset(token)
