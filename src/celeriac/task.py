"""`Task`: a function that can be called elsewhere and later."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, NoReturn, ParamSpec, TypeVar

from celeriac import states
from celeriac.context import Context, current
from celeriac.exceptions import MaxRetriesExceededError, Retry
from celeriac.progress import report, say
from celeriac.result import AsyncResult
from celeriac.retry import RetryPolicy
from celeriac.sender import Call, Sender
from celeriac.store.contract import Store

P = ParamSpec("P")
R = TypeVar("R")

OPTIONS = frozenset({"queue", "priority", "expires", "time_limit", "soft_time_limit", "ignore_result"})
"""Options of `apply_async` that a task may set for all its calls."""


HOOKS = ("before_start", "on_success", "on_retry", "on_failure", "after_return")
"""Methods of a task that a worker calls, where a subclass has its own."""


class Runtime:
    """What tasks need of their app: the way out (sender) and the way back (store)."""

    __slots__ = ("sender", "store")

    def __init__(self, sender: Sender, store: Callable[[], Store]) -> None:
        self.sender = sender
        self.store = store


class Task(Generic[P, R]):
    """A registered task: call it here with `task(...)`, elsewhere with `task.delay(...)`.

    `max_retries` (3; None for no limit) and `default_retry_delay` (180 s) are what `retry` goes by; which errors
    it is applied to by itself, and after how long, say the options of `retry.RetryPolicy`. Errors of the
    classes in `throws` are expected: they fail the task like any other, but are logged without a traceback.
    `acks_late` None or True means at least once, False at most once; what becomes of a task that runs at
    least once say `acks_on_failure`, `acks_on_timeout` (False: a dead letter beside the result),
    `reject_on_worker_lost` (False: not run again when its process dies) and `retry_on_worker_lost` (True: such
    a death counts as a retry). `soft_time_limit` and `time_limit` are in seconds.

    A subclass, given as `@app.task(base=...)`, may set options as attributes of the class, and have methods
    that workers call: `before_start`, `on_success`, `on_retry`, `on_failure`, `after_return`, with the
    arguments that Celery gives them.
    """

    asynchronous = False

    def __init__(
        self, function: Callable[..., Any], name: str, runtime: Runtime, *, bind: bool, **options: Any
    ) -> None:
        options = {**_declared(type(self)), **options}
        self.name = name
        self.function = function
        self.bind = bind
        self._runtime = runtime
        self.max_retries: int | None = options.pop("max_retries", 3)
        self.default_retry_delay: float = options.pop("default_retry_delay", 180)
        self.acks_late: bool | None = options.pop("acks_late", None)
        self.track_started: bool | None = options.pop("track_started", None)
        self.store_errors_even_if_ignored: bool | None = options.pop("store_errors_even_if_ignored", None)
        self.acks_on_failure: bool | None = options.pop("acks_on_failure", None)
        self.acks_on_timeout: bool | None = options.pop("acks_on_timeout", None)
        self.acks_on_failure_or_timeout: bool | None = options.pop("acks_on_failure_or_timeout", None)
        self.reject_on_worker_lost: bool | None = options.pop("reject_on_worker_lost", None)
        self.retry_on_worker_lost: bool | None = options.pop("retry_on_worker_lost", None)
        self.time_limit = float(options.get("time_limit") or 0.0)
        self.soft_time_limit = float(options.get("soft_time_limit") or 0.0)
        self.limited = bool(self.time_limit or self.soft_time_limit)
        self.throws: tuple[type[BaseException], ...] = tuple(options.pop("throws", ()))
        self.retry_policy = _take_policy(options)
        unknown = options.keys() - OPTIONS
        if unknown:
            raise TypeError(f"task {name} has no option {sorted(unknown)[0]!r}")
        self.options: dict[str, Any] = options
        self.hooks = frozenset(hook for hook in HOOKS if getattr(type(self), hook) is not getattr(Task, hook))
        """Which of the methods that workers call it has of its own: the others are not called at all."""
        own_call = type(self).__call__ not in (Task.__call__, AsyncTask.__call__)
        self.body: Callable[..., Any] = self.__call__ if own_call else self.run
        """What a worker calls."""
        self.__name__ = getattr(function, "__name__", name)
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    @property
    def request(self) -> Context:
        """The call that is running, here and now."""
        return current.get()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function here, without a worker."""
        result: R = self.run(*args, **kwargs)
        return result

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """The function itself, given the task first when it is bound."""
        return self.function(self, *args, **kwargs) if self.bind else self.function(*args, **kwargs)

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """Enqueue a call with these arguments; when it returns, the store has it."""
        return self._send(Call(task=self.name, args=args, kwargs=kwargs, **self.options))

    async def adelay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """`delay` for event loops."""
        call = Call(task=self.name, args=args, kwargs=kwargs, **self.options)
        id = await self._runtime.sender.asend_one(call)
        return AsyncResult(id, self._runtime.store, self.name, ignored=bool(call.ignore_result))

    def apply_async(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[R]:
        """Enqueue a call with options: those of `sender.Call`, under Celery's names."""
        return self._send(self._call(args, kwargs, options))

    def _send(self, call: Call) -> AsyncResult[R]:
        id = self._runtime.sender.send_one(call)
        return AsyncResult(id, self._runtime.store, self.name, ignored=bool(call.ignore_result))

    def delay_many(self, arguments: Iterable[Sequence[Any]], **options: Any) -> list[AsyncResult[R]]:
        """Enqueue one call for each tuple of arguments, hundreds in a round trip.

        If the store becomes unreachable in between, the calls enqueued so far stay enqueued and the error
        is raised.
        """
        runtime = self._runtime
        name, options = self.name, {**self.options, **options}
        calls = (Call(task=name, args=args, **options) for args in arguments)
        return [AsyncResult(id, runtime.store, self.name) for id in runtime.sender.send(calls)]

    def _call(self, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None, options: dict[str, Any]) -> Call:
        return Call(task=self.name, args=args or (), kwargs=kwargs, **{**self.options, **options})

    def retry(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        exc: BaseException | None = None,
        throw: bool = True,
        eta: datetime | None = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        **options: Any,
    ) -> NoReturn:
        """Give up this attempt and run the task again later; never returns.

        The next attempt is enqueued in the same step that ends this one: neither can happen alone. After
        `max_retries` retries it raises `exc`, or `MaxRetriesExceededError` when there is none. Called
        outside a worker it raises `exc` at once.
        """
        request = self.request
        limit = self.max_retries if max_retries is None else max_retries
        if request.called_directly:
            raise exc or Retry("Task can be retried", None)
        if limit is not None and request.retries >= limit:
            raise exc or MaxRetriesExceededError(
                f"Can't retry {self.name}[{request.id}] args:{tuple(request.args)} kwargs:{request.kwargs}",
                task_args=request.args,
                task_kwargs=request.kwargs,
            )
        if eta is None and countdown is None:
            countdown = self.default_retry_delay
        again = self._next_attempt(request, args, kwargs, eta, countdown, options)
        raise Retry(exc=exc, when=eta or countdown, sig=again) from exc

    def _next_attempt(
        self,
        request: Context,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
        eta: datetime | None,
        countdown: float | None,
        options: dict[str, Any],
    ) -> Call:
        headers = request.message.headers if request.message is not None else None
        limits = headers.timelimit if headers is not None else None
        inherited = {
            "queue": request.queue or None,
            "priority": request.delivery_info.get("priority"),
            "expires": request.expires,
            "ignore_result": request.ignore_result,
            "time_limit": limits[0] if limits else None,
            "soft_time_limit": limits[1] if limits else None,
            "group_id": request.group,
            "group_index": request.group_index,
            "shadow": request.shadow,
            "reply_to": request.reply_to,
            "embed": request.embed or None,
        }
        return Call(
            task=self.name,
            args=request.args if args is None else args,
            kwargs=request.kwargs if kwargs is None else kwargs,
            task_id=request.id,
            retries=request.retries + 1,
            root_id=request.root_id,
            parent_id=request.parent_id,
            eta=eta,
            countdown=countdown,
            **{**inherited, **options},
        )

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        """Called before a run; what it raises, the task has raised."""

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        """Called after a run that returned."""

    def on_retry(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Called after a run that is to be repeated; `einfo.traceback` is text."""

    def on_failure(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Called after a run that failed, or in another process when its own died."""

    def after_return(self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Called after a success or a failure; `retval` is then the value or the error."""

    def update_state(self, task_id: str | None = None, state: str | None = None, meta: Any = None, **_: Any) -> None:
        """Replace the document of this task, while it runs, by a state of its own and what it says with it.

        Readers see it within milliseconds; the next one, or the end of the task, replaces it. Of states said faster
        than the store takes them, the last counts. It has no effect outside a worker, for a task whose result is
        ignored, or once the worker's lease is lost. `task_id` names another task that this worker runs.
        """
        say(self.request, task_id, state or states.STARTED, meta)

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Say how far this task is, as state `PROGRESS`; `AsyncResult.progress` reads it.

        Cheap in a tight loop: what comes within a tenth of a second after the last one is left out, unless
        `done` equals `total`. Else as `update_state`.
        """
        report(self.request, done, total, message)

    def __repr__(self) -> str:
        return f"<Task: {self.name}>"


def _declared(kind: type[Task[..., Any]]) -> dict[str, Any]:
    """The options that a subclass sets as attributes."""
    return {name: getattr(kind, name) for name in _DECLARABLE if hasattr(kind, name)}


_DECLARABLE = frozenset(
    {
        *OPTIONS,
        *RetryPolicy.__struct_fields__,
        "acks_late",
        "acks_on_failure",
        "acks_on_failure_or_timeout",
        "acks_on_timeout",
        "default_retry_delay",
        "max_retries",
        "reject_on_worker_lost",
        "retry_on_worker_lost",
        "store_errors_even_if_ignored",
        "throws",
        "track_started",
    }
)


def _take_policy(options: dict[str, Any]) -> RetryPolicy:
    """The retry options out of all others."""
    given = {name: options.pop(name) for name in RetryPolicy.__struct_fields__ if name in options}
    for name in ("autoretry_for", "dont_autoretry_for"):
        if name in given:
            given[name] = tuple(given[name])
    return RetryPolicy(**given)


class AsyncTask(Task[P, R]):
    """A task whose function is `async def`: called here it gives a coroutine."""

    asynchronous = True

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:  # type: ignore[override]
        """Run the function here, without a worker."""
        coroutine: Coroutine[Any, Any, R] = self.run(*args, **kwargs)
        return coroutine


def kind_of(base: type[Task[..., Any]], *, asynchronous: bool) -> type[Task[..., Any]]:
    """The class of a task: `base`, made one of `async def` functions where the function is one."""
    if not asynchronous or issubclass(base, AsyncTask):
        return base
    return AsyncTask if base is Task else type(base.__name__, (base, AsyncTask), {"__module__": base.__module__})
