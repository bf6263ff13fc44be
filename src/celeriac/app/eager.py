"""Running a task where it is called, at once: what `Task.apply` and `task_always_eager` do.

Retries run at once, too, one after the other, whatever pause they ask for; where errors are raised, the first `Retry`
is one of them, as in Celery. No store and no worker is needed, unless `store_eager_result` says that results are kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from importlib import import_module
from types import CoroutineType
from typing import Any, Protocol

from celeriac import ids, states
from celeriac.app import hooks
from celeriac.app.retry import RetryPolicy
from celeriac.calls.context import Context, current
from celeriac.calls.sender import Call
from celeriac.clock import SYSTEM_CLOCK
from celeriac.exceptions import Ignore, Reject, Retry
from celeriac.message import document, failure, values
from celeriac.result import EagerResult


class Eager(Protocol):
    """What is needed of a task."""

    name: str
    hooks: frozenset[str]
    retry_policy: RetryPolicy

    @property
    def body(self) -> Callable[..., Any]:
        """What a worker would call."""

    @property
    def retry(self) -> Callable[..., Any]:
        """What ends an attempt and asks for another."""

    @property
    def before_start(self) -> Callable[..., None]:
        """The hook."""

    @property
    def store_eager_result(self) -> bool | None:
        """Whether the results of such runs are kept."""

    def _write_document(self, id: str, document: bytes) -> None:
        """Put a document into the store."""


_ENDS = {Ignore: states.IGNORED, Reject: states.REJECTED}


def run(task: Eager, call: Call, *, throw: bool) -> EagerResult[Any]:
    """Run a call of a task to its end; with `throw`, its error is raised here, and so is the wish for a retry."""
    call.task_id = call.task_id or ids.new_id()
    outer = current.get()
    while True:
        context = _context(task, call, outer)
        token = current.set(context)
        try:
            value = _body(task, context)
        except BaseException as error:
            judged = _judge(task, context, error)
            if isinstance(judged, Retry) and isinstance(judged.sig, Call):
                if throw:
                    raise judged from judged.exc
                if task.hooks:
                    hooks.retried(task, context, judged.exc or judged, judged)
                call = judged.sig
                continue
            if not isinstance(judged, Exception):
                raise
            return _ended(task, context, judged, throw=throw)
        else:
            _keep(task, context, states.SUCCESS, value)
            if task.hooks:
                hooks.succeeded(task, context, value)
            return EagerResult(str(call.task_id), value, states.SUCCESS, name=task.name)
        finally:
            current.reset(token)


def _body(task: Eager, context: Context) -> Any:
    if "before_start" in task.hooks:
        task.before_start(str(context.id), context.args, context.kwargs)
    value = task.body(*context.args, **context.kwargs)
    return _finish(value) if isinstance(value, CoroutineType) else value


def _judge(task: Eager, context: Context, error: BaseException) -> BaseException:
    """The error, or the `Retry` or the end of them that the task's policy makes of it."""
    if not task.retry_policy.applies_to(error):
        return error
    try:
        task.retry(exc=error, **task.retry_policy.arguments(context.retries, ids.random_below))
    except BaseException as answer:
        return answer
    return error


def _ended(task: Eager, context: Context, error: Exception, *, throw: bool) -> EagerResult[Any]:
    state = next((state for kind, state in _ENDS.items() if isinstance(error, kind)), states.FAILURE)
    if state == states.FAILURE:
        if throw:
            # Without hooks, as in Celery: whoever calls it hears of it.
            raise error
        failure.begin_with_theirs(error)
        _keep(task, context, state, failure.to_dict(error), failure.trace(error))
        if task.hooks:
            hooks.failed(task, context, error)
    return EagerResult(str(context.id), error, state, failure.trace(error), task.name)


def _keep(task: Eager, context: Context, state: str, value: Any, trace: str | None = None) -> None:
    """Store how a run ended, where that is asked for."""
    if task.store_eager_result and not context.ignore_result:
        id = str(context.id)
        task._write_document(id, document.write(id, state, values.encode(value), SYSTEM_CLOCK.now(), trace))


def _context(task: Eager, call: Call, outer: Context) -> Context:
    context = Context(hostname=ids.hostname())
    context.instance, context.task, context.id = task, task.name, call.task_id
    context.args, context.kwargs = call.args, dict(call.kwargs or {})
    context.called_directly, context.is_eager = False, True
    context.retries, context.ignore_result = call.retries, bool(call.ignore_result)
    context.parent_id = call.parent_id or outer.id
    context.root_id = call.root_id or outer.root_id or call.task_id
    context.update(
        headers=dict(call.headers) if call.headers else None,
        timelimit=[call.time_limit, call.soft_time_limit] if call.time_limit or call.soft_time_limit else None,
        group=call.group_id,
        group_index=call.group_index,
        shadow=call.shadow,
        reply_to=call.reply_to,
        stamped_headers=call.stamped_headers,
        stamps=call.stamps,
        delivery_info={
            "is_eager": True,
            "exchange": call.exchange,
            "routing_key": call.routing_key,
            "priority": call.priority,
        },
    )
    return context


def _finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The value of a coroutine; inside a running event loop, on a thread of its own."""
    asyncio = import_module("asyncio")
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.append((True, asyncio.run(coroutine)))
        except BaseException as error:
            outcome.append((False, error))

    thread = threading.Thread(target=work, name="celeriac-eager")
    thread.start()
    thread.join()
    fine, value = outcome[0]
    if not fine:
        raise value
    return value
