"""What calling a task does: its arguments are checked, its options settled, and the call is sent or run at once.

Loaded by the first call in a process: one that only declares tasks does without it. Hot path of producers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from celeriac.app import eager
from celeriac.calls import arguments
from celeriac.calls.context import Context
from celeriac.calls.options import call_options
from celeriac.calls.sender import Call, Sender, check_name
from celeriac.config import Settings
from celeriac.message import serializers
from celeriac.result import AsyncResult, EagerResult
from celeriac.stores.contract import Store

if TYPE_CHECKING:
    from celeriac.calls.validation import Dump

R = TypeVar("R")
Args = Sequence[Any] | None
Kwargs = Mapping[str, Any] | None


class Called(eager.Eager, Protocol):
    """What is needed of a task."""

    bound: bool
    options: dict[str, Any]
    cache_key: Callable[..., Any] | None
    function: Callable[..., Any]

    @property
    def AsyncResult(self) -> Callable[[str], AsyncResult[Any]]:
        """What makes a result of an id."""


class Way(Protocol):
    """What is needed of an app: its settings, the way out and the way back."""

    app: Any
    settings: Settings
    store: Callable[[], Store]
    send_task: Callable[..., Any]
    """The method of `Celeriac`, which need not be gone through unless a subclass has another one."""
    own_send_task: bool
    """Whether somebody has put another one into this app."""

    @property
    def sender(self) -> Sender:
        """What sends."""


class Caller(Generic[R]):
    """The calls of one task in this process.

    Arguments are checked against `function` if there is one, and pass through `dump` on their way.
    """

    def __init__(self, task: Called, way: Way, function: Callable[..., Any] | None, dump: Dump | None) -> None:
        self._task = task
        self._app = way.app
        self._way = way
        self._send_task = way.send_task
        check_name(task.name, "the name of a task")
        self._settings = way.settings
        self._store = way.store
        self._sender = way.sender
        self._dump = dump
        self._check = arguments.anything if function is None else arguments.checker(function, skip=int(task.bound))

    def delay(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> AsyncResult[R]:
        """Send a call without further options."""
        self._check(*args, **kwargs)
        if self._dump is not None:
            args, kwargs = self._dump(args, kwargs)
        options = self._task.options
        return self._send(Call(task=self._task.name, args=args, kwargs=kwargs, **options), options)

    def apply(self, args: Args, kwargs: Kwargs, options: dict[str, Any]) -> AsyncResult[R]:
        """Send a call with options."""
        call = self._checked(args, kwargs, options)
        return self._send(call, {**self._task.options, **options})

    async def aapply(self, args: Args, kwargs: Kwargs, options: dict[str, Any]) -> AsyncResult[R]:
        """Send a call from an event loop."""
        call = self._checked(args, kwargs, options)
        if self._settings.task_always_eager:
            return self._run_here(call)
        if type(self._app).send_task is not self._send_task or self._way.own_send_task:
            # It may wait for a connection, as all of Celery's do.
            sent: AsyncResult[R]
            sent = await import_module("asyncio").to_thread(self._send, call, {**self._task.options, **options})
            return sent
        if call.cache_for:
            id, ended = await self._sender.ashare(call, identity(self._task, call))
            return AsyncResult(id, self._store, self._task.name, self._app, ended=ended)
        id = await self._sender.asend_one(call)
        return AsyncResult(id, self._store, self._task.name, self._app, ignored=bool(call.ignore_result))

    def _checked(self, args: Args, kwargs: Kwargs, options: dict[str, Any]) -> Call:
        args, kwargs = args or (), kwargs or {}
        arguments.assert_arguments(args, kwargs)
        self._check(*args, **kwargs)
        if self._dump is not None:
            args, kwargs = self._dump(args, kwargs)
        return _call(self._task, args, kwargs, options)

    def _send(self, call: Call, options: Mapping[str, Any]) -> AsyncResult[R]:
        if self._settings.task_always_eager:
            return self._run_here(call)
        if type(self._app).send_task is not self._send_task or self._way.own_send_task:
            return self._through_app(call, options)
        if call.cache_for:
            id, ended = self._sender.share(call, identity(self._task, call))
            return AsyncResult(id, self._store, self._task.name, self._app, ended=ended)
        id = self._sender.send_one(call)
        return AsyncResult(id, self._store, self._task.name, self._app, ignored=bool(call.ignore_result))

    def _through_app(self, call: Call, options: Mapping[str, Any]) -> AsyncResult[R]:
        """Send a call by the app's own `send_task`, with what Celery gives it."""
        task = self._task
        given = dict.fromkeys(("task_id", "producer", "link", "link_error", "shadow"))
        more = {**given, **options, "result_cls": task.AsyncResult, "task_type": task}
        sent: AsyncResult[R] = self._app.send_task(task.name, call.args, call.kwargs, **more)
        return sent

    def apply_many(self, arguments: Iterable[Sequence[Any]], options: dict[str, Any]) -> list[AsyncResult[R]]:
        """Send a call for each tuple of arguments."""
        shared = {**self._task.options, **call_options(options)}
        calls = self._calls(arguments, shared)
        own_send = type(self._app).send_task is not self._send_task or self._way.own_send_task
        if own_send or shared.get("cache_for") or self._settings.task_always_eager:
            return [self._send(call, {**self._task.options, **options}) for call in calls]
        return [AsyncResult(id, self._store, self._task.name, self._app) for id in self._sender.send(calls)]

    def _calls(self, arguments: Iterable[Sequence[Any]], options: dict[str, Any]) -> Iterator[Call]:
        """A call for each, checked; what they share is settled once."""
        for args in arguments:
            self._check(*args)
            kwargs: Mapping[str, Any] | None = None
            if self._dump is not None:
                args, kwargs = self._dump(args, {})
            yield Call(task=self._task.name, args=args, kwargs=kwargs, **options)

    def _run_here(self, call: Call) -> EagerResult[R]:
        """What a call is with `task_always_eager`: its arguments pass through the serializer all the same."""
        kind = serializers.find(call.serializer or self._settings.task_serializer)
        args, kwargs = serializers.read(kind.write([call.args, call.kwargs or {}]), kind.content_type)
        call.args, call.kwargs = args, kwargs
        return eager.run(self._task, call, throw=self._settings.task_eager_propagates)


def run_here(task: Called, args: Args, kwargs: Kwargs, options: dict[str, Any], *, throw: bool) -> EagerResult[Any]:
    """Run a call of a task to its end, its arguments as they are."""
    arguments.assert_arguments(args or (), kwargs or {})
    return eager.run(task, _call(task, args, kwargs, options), throw=throw)


def _call(task: Called, args: Args, kwargs: Kwargs, options: dict[str, Any]) -> Call:
    return Call(task=task.name, args=args or (), kwargs=kwargs, **{**task.options, **call_options(options)})


def identity(task: Called | None, call: Call) -> Any:
    """What a call shares its result by: what `cache_key` says, or all arguments, by name where the task is known."""
    args, kwargs = call.args, call.kwargs or {}
    if task is None:
        return [list(args), kwargs]
    if task.cache_key is not None:
        return {"key": task.cache_key(*args, **kwargs)}
    return arguments.by_name(task.function, args, kwargs, skip=int(task.bound))


def fitted(run: Callable[..., Any], request: Context, args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs]:
    """The arguments of the next attempt where only some are given anew: those replace the others by their names.

    None for arguments that stay as they are.
    """
    if (args is None) == (kwargs is None) or not (request.kwargs if kwargs is None else request.args):
        return args, kwargs
    inspect = import_module("inspect")
    try:
        signature = inspect.signature(run)
        bound = signature.bind_partial(*(request.args if args is None else args))
    except (TypeError, ValueError):
        return args, kwargs
    usual = inspect.Parameter.POSITIONAL_OR_KEYWORD
    named = {name for name in bound.arguments if signature.parameters[name].kind is usual}
    if args is not None:
        return args, {name: value for name, value in request.kwargs.items() if name not in named}
    kwargs = dict(kwargs or {})
    for name in named & kwargs.keys():
        bound.arguments[name] = kwargs.pop(name)
    return bound.args, {**bound.kwargs, **kwargs}


def next_attempt(
    task: Called,
    request: Context,
    args: Args,
    kwargs: Kwargs,
    options: dict[str, Any],
    *,
    eta: datetime | None,
    countdown: float | None,
) -> Call:
    """The call that runs a task again, as `Task.retry` says."""
    headers = request.message.headers if request.message is not None else None
    limits = headers.timelimit if headers is not None else None
    inherited = {
        "queue": request.queue or None,
        "priority": (request.delivery_info or {}).get("priority"),
        "expires": request.expires,
        "ignore_result": request.ignore_result,
        "time_limit": limits[0] if limits else None,
        "soft_time_limit": limits[1] if limits else None,
        "group_id": request.group,
        "group_index": request.group_index,
        "shadow": request.shadow,
        "reply_to": request.reply_to,
        "embed": request.embed or None,
        "headers": request.headers,
        "stamped_headers": request.stamped_headers,
        "stamps": request.stamps,
        "replaced_task_nesting": request.replaced_task_nesting,
    }
    written: dict[str, Any] = {
        name: task.options[name] for name in ("serializer", "compression") if name in task.options
    }
    return Call(
        task=task.name,
        args=request.args if args is None else args,
        kwargs=request.kwargs if kwargs is None else kwargs,
        task_id=request.id,
        retries=request.retries + 1,
        root_id=request.root_id,
        parent_id=request.parent_id,
        eta=eta,
        countdown=countdown,
        **{**written, **inherited, **call_options(options)},
    )
