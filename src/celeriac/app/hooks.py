"""The methods of a task that are called around its runs; one that raises is logged and changes nothing."""

from __future__ import annotations

from importlib import import_module
from types import TracebackType
from typing import Any, Protocol

from celeriac import states
from celeriac.calls.context import Context
from celeriac.message import failure


class Hooked(Protocol):
    """What is needed of a task."""

    name: str
    hooks: frozenset[str]


class ExceptionInfo:
    """What hooks are told of an error, under the names that Celery's `einfo` has."""

    def __init__(self, error: BaseException) -> None:
        self.type: type[BaseException] = type(error)
        self.exception = error
        self.tb: TracebackType | None = error.__traceback__
        self.traceback: str = failure.trace(error)
        self.internal = False

    def __str__(self) -> str:
        return self.traceback


def succeeded(task: Hooked, context: Context, value: Any) -> None:
    """Call what a success calls for."""
    _call(task, "on_success", value, context.id, context.args, context.kwargs)
    _call(task, "after_return", states.SUCCESS, value, context.id, context.args, context.kwargs, None)


def failed(task: Hooked, context: Context, error: BaseException) -> None:
    """Call what a failure calls for."""
    info = ExceptionInfo(error)
    _call(task, "on_failure", error, context.id, context.args, context.kwargs, info)
    _call(task, "after_return", states.FAILURE, error, context.id, context.args, context.kwargs, info)


def retried(task: Hooked, context: Context, cause: BaseException, retry: BaseException) -> None:
    """Call what a retry calls for."""
    _call(task, "on_retry", cause, context.id, context.args, context.kwargs, ExceptionInfo(retry))


def _call(task: Hooked, hook: str, *arguments: Any) -> None:
    if hook not in task.hooks:
        return
    try:
        getattr(task, hook)(*arguments)
    except BaseException:
        # Those who only call tasks have no use for logging, and pay for its import.
        logger = import_module("logging").getLogger("celeriac.worker")
        logger.exception("%s of task %s raised", hook, task.name)
