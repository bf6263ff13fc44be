"""`Task`: a function that can be called elsewhere and later."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import cache
from types import FunctionType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, TypeVar

from celeriac import states
from celeriac.config import Settings
from celeriac.context import DIRECT, Context, current
from celeriac.exceptions import MaxRetriesExceededError, OperationalError, Retry
from celeriac.task.retry import RetryPolicy

# Whoever only declares tasks does not load what calling one takes: the doors to it import it.
if TYPE_CHECKING:
    from contextvars import Token
    from datetime import datetime

    from celeriac.result import AsyncResult, EagerResult
    from celeriac.sending.sender import Sender
    from celeriac.sending.validation import Dump
    from celeriac.store.contract import Store
    from celeriac.task.calling import Caller

P = ParamSpec("P")
R = TypeVar("R")

OPTIONS = (
    "queue",
    "exchange",
    "routing_key",
    "priority",
    "expires",
    "serializer",
    "compression",
    "delivery_mode",
    "time_limit",
    "soft_time_limit",
    "ignore_result",
    "cache_for",
)
"""Options of `apply_async` that a task may set for all its calls."""

HOOKS = ("before_start", "on_success", "on_retry", "on_failure", "after_return")
"""Methods of a task that a worker calls, where a subclass has its own."""

_CO_COROUTINE = 0x80
"""A flag of code (Python docs, inspect, "Code Objects Bit Flags")."""

_TOLD_FIRST = frozenset({"validate", "pydantic", "pydantic_strict", "pydantic_context", "pydantic_dump_kwargs"})


class Runtime:
    """What tasks need of their app: its settings, the way out (sender) and the way back (store)."""

    __slots__ = ("app", "settings", "store")

    def __init__(self, app: Any, store: Callable[[], Store], settings: Settings) -> None:
        self.app: Any = app
        self.store: Callable[[], Store] = store
        self.settings: Settings = settings

    @property
    def sender(self) -> Sender:
        """The app's, made when it is first asked for."""
        sender: Sender = self.app.sender
        return sender


class Task(Generic[P, R]):
    """A registered task: call it here with `task(...)`, elsewhere with `task.delay(...)`.

    `max_retries` (3; None for no limit) and `default_retry_delay` (180 s) are what `retry` goes by; which errors
    it is applied to by itself, and after how long, say the options of `retry.RetryPolicy`. Errors of the
    classes in `throws` are expected: they fail the task like any other, but are logged without a traceback.
    `acks_late` None or True means at least once, False at most once; what becomes of a task that runs at
    least once say `acks_on_failure`, `acks_on_timeout` (False: a dead letter beside the result),
    `reject_on_worker_lost` (False: not run again when its process dies) and `retry_on_worker_lost` (True: such
    a death counts as a retry). `soft_time_limit` and `time_limit` are in seconds. `typing` (by default what the
    app's `strict_typing` says) has arguments checked against the function where the task is called.

    With `cache_for` (seconds), calls with equal arguments share a result: of one that ended well less than so long
    ago, or of one made less than so long ago that has not ended. What fails is not kept. `cache_key`, given the
    arguments, says what makes them equal; without it, all of them do.

    Options are attributes: of this class, of a subclass given as `@app.task(base=...)` or registered with
    `app.register_task`, or of the task. A subclass may have an `__init__` without arguments, which runs once a
    process, and methods that workers call: `before_start`, `on_success`, `on_retry`, `on_failure`,
    `after_return`, with the arguments that Celery gives them.
    """

    abstract = True
    asynchronous = False
    name: str = ""
    typing: bool | None = None
    queue: Any = None
    exchange: Any = None
    routing_key: str | None = None
    priority: int | None = None
    expires: Any = None
    serializer: str | None = None
    compression: str | None = None
    delivery_mode: int | str | None = None
    time_limit: float | None = None
    soft_time_limit: float | None = None
    ignore_result: bool | None = None
    cache_for: float | None = None
    cache_key: Callable[..., Any] | None = None
    max_retries: int | None = 3
    default_retry_delay: float = 180
    acks_late: bool | None = None
    acks_on_failure: bool | None = None
    acks_on_timeout: bool | None = None
    acks_on_failure_or_timeout: bool | None = None
    reject_on_worker_lost: bool | None = None
    retry_on_worker_lost: bool | None = None
    track_started: bool | None = None
    store_eager_result: bool | None = None
    store_errors_even_if_ignored: bool | None = None
    throws: tuple[type[BaseException], ...] = ()
    autoretry_for: Sequence[type[BaseException]] = ()
    dont_autoretry_for: Sequence[type[BaseException]] = ()
    retry_kwargs: Mapping[str, Any] = {}
    retry_backoff: bool | float = False
    retry_backoff_max: float = 600
    retry_jitter: bool = True
    rate_limit: Any = None
    send_events = True
    trail = True
    resultrepr_maxsize = 1024

    MaxRetriesExceededError = MaxRetriesExceededError
    OperationalError = OperationalError

    _runtime: Runtime
    _dump: Dump | None = None
    _caller: Caller[R] | None = None

    def _declare(
        self,
        function: Callable[..., Any],
        name: str,
        runtime: Runtime,
        *,
        bind: bool = False,
        options: Mapping[str, Any],
    ) -> None:
        """Make a task of this object: what the app does, before `__init__` of a subclass runs."""
        self.name = name
        self.bind: bool = bind
        self._runtime = runtime
        self._pushed: list[Token[Context]] = []
        checks = {option: value for option, value in options.items() if option in _TOLD_FIRST}
        for option in _TOLD_FIRST - checks.keys():
            if hasattr(type(self), option):
                checks[option] = getattr(type(self), option)
        self._original = function
        self.function: Callable[..., Any]
        self.function = function
        if any(checks.values()):
            self._validate(checks)
        self.__name__: str = getattr(function, "__name__", name)
        self.__doc__ = function.__doc__ or type(self).__doc__
        self.__module__ = getattr(function, "__module__", type(self).__module__)
        self.__wrapped__ = function
        self.configure({option: value for option, value in options.items() if option not in checks})

    def _validate(self, checks: Mapping[str, Any]) -> None:
        """Have arguments and result looked at by their annotations."""
        from celeriac.sending.validation import Options

        made = Options(**checks).apply(self._original, bound=self.bind, app=self.app, name=self.name)
        self.function, self._dump = made
        if type(self).run is not Task.run and self._dump is not None:
            setattr(self, "run", self.function)  # noqa: B010 - a method of a class-based task

    def configure(self, attributes: Mapping[str, Any]) -> None:
        """Set attributes, options among them.

        One that is nearly an option raises TypeError, any other is kept, as in Celery; `@name` puts a decorator
        around a method.
        """
        for name, value in attributes.items():
            if name.startswith("@"):
                setattr(self, name[1:], value(getattr(self, name[1:])))
                continue
            if not hasattr(type(self), name):
                import difflib

                near = difflib.get_close_matches(name, _known_options(), n=1, cutoff=0.75)
                if near:
                    raise TypeError(f"task {self.name} has no option {name!r}; did you mean {near[0]!r}?")
            setattr(self, name, value)
        self._settle()

    def _settle(self) -> None:
        """What follows from the attributes."""
        if self.rate_limit is not None:
            warnings.warn(f"task {self.name}: rate_limit comes in a later version", stacklevel=4)
        self.throws = tuple(self.throws)
        self.limited: bool = bool(self.time_limit or self.soft_time_limit)
        given = {name: getattr(self, name) for name in RetryPolicy._fields}
        for name in ("autoretry_for", "dont_autoretry_for"):
            given[name] = tuple(given[name])
        self.retry_policy: RetryPolicy = RetryPolicy(**given)
        self.options: dict[str, Any] = {name: value for name in OPTIONS if (value := getattr(self, name)) is not None}
        self.hooks: frozenset[str] = frozenset(
            hook for hook in HOOKS if getattr(type(self), hook) is not getattr(Task, hook)
        )
        """Which of the methods that workers call it has of its own: the others are not called at all."""
        own_call = "__call__" in vars(self) or type(self).__call__ not in (Task.__call__, AsyncTask.__call__)
        self.body: Callable[..., Any] = self.__call__ if own_call else self.run
        """What a worker calls."""

    @property
    def app(self) -> Any:
        """The app it belongs to."""
        return self._runtime.app

    @property
    def request(self) -> Context:
        """The call that is running, here and now; an empty one where this task was called like a function."""
        request = current.get()
        return request if request.task == self.name or request.task is None else DIRECT

    def push_request(self, *fields: Any, **more: Any) -> None:
        """Let `request` have these fields until `pop_request`: for tests."""
        request = Context()
        request.task, request.instance = self.name, self
        request.update(*fields, **more)
        self._pushed.append(current.set(request))

    def pop_request(self) -> None:
        """Take back what `push_request` did last."""
        current.reset(self._pushed.pop())

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function here, without a worker."""
        result: R = self.run(*args, **kwargs)
        return result

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """The function itself, given the task first when it is bound."""
        return self.function(self, *args, **kwargs) if self.bind else self.function(*args, **kwargs)

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """Enqueue a call with these arguments; when it returns, the store has it.

        Raises TypeError for arguments that the function does not take.
        """
        return (self._caller or self._first_call()).delay(args, kwargs)

    async def adelay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """`delay` for event loops."""
        return await (self._caller or self._first_call()).aapply(args, kwargs, {})

    def apply_async(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[R]:
        """Enqueue a call with options: Celery's names, and its units (seconds).

        Options that come in a later version raise `InvalidOption`, unknown ones TypeError.
        """
        return (self._caller or self._first_call()).apply(args, kwargs, options)

    async def aapply_async(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[R]:
        """`apply_async` for event loops."""
        return await (self._caller or self._first_call()).aapply(args, kwargs, options)

    def delay_many(self, arguments: Iterable[Sequence[Any]], **options: Any) -> list[AsyncResult[R]]:
        """Enqueue one call for each tuple of arguments, hundreds in a round trip; with `cache_for`, one.

        If the store becomes unreachable in between, the calls enqueued so far stay enqueued and the error
        is raised.
        """
        return (self._caller or self._first_call()).apply_many(arguments, options)

    def _first_call(self) -> Caller[R]:
        from celeriac.task.calling import Caller

        self.app.finalize(auto=True)
        checked: bool = self.app.strict_typing if self.typing is None else self.typing
        self._caller = Caller(self, self._runtime, self._original if checked else None, self._dump)
        return self._caller

    def apply(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        link: Any = None,
        link_error: Any = None,
        task_id: str | None = None,
        retries: int | None = None,
        throw: bool | None = None,
        logfile: str | None = None,
        loglevel: int | None = None,
        headers: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> EagerResult[R]:
        """Run the task here and at once, with its hooks and its retries; no store is needed.

        With `throw` its error is raised, by default if `task_eager_propagates` says so.
        """
        from celeriac.task.calling import run_here

        given = {"link": link, "link_error": link_error, "task_id": task_id, "headers": headers, **options}
        propagates = self._runtime.settings.task_eager_propagates if throw is None else throw
        return run_here(self, args, kwargs, {**given, "retries": retries or 0}, throw=propagates)

    def AsyncResult(self, task_id: str) -> AsyncResult[R]:
        """The result of a call of this task by id."""
        from celeriac.result import AsyncResult

        return AsyncResult(task_id, self._runtime.store, self.name)

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
        from celeriac.task.calling import next_attempt

        again = next_attempt(self, request, args, kwargs, options, eta=eta, countdown=countdown)
        raise Retry(exc=exc, when=eta or countdown, sig=again) from exc

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
        from celeriac.progress import say

        say(self.request, task_id, state or states.STARTED, meta)

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Say how far this task is, as state `PROGRESS`; `AsyncResult.progress` reads it.

        Cheap in a tight loop: what comes within a tenth of a second after the last one is left out, unless
        `done` equals `total`. Else as `update_state`.
        """
        from celeriac.progress import report

        report(self.request, done, total, message)

    def __repr__(self) -> str:
        return f"<Task: {self.name}>"


@cache
def _known_options() -> tuple[str, ...]:
    """The attributes of `Task` that can be set."""
    return tuple(name for name in (*Task.__annotations__, *_TOLD_FIRST) if not name.startswith("_"))


class AsyncTask(Task[P, R]):
    """A task whose function is `async def`: called here it gives a coroutine."""

    asynchronous = True

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:  # type: ignore[override]
        """Run the function here, without a worker."""
        coroutine: Coroutine[Any, Any, R] = self.run(*args, **kwargs)
        return coroutine


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    """As `inspect.iscoroutinefunction` says; that module, which takes 8 ms to load, is asked only if it has to be.

    A plain function says it by a flag of its code. What else counts has to be unwrapped, or was marked by `inspect`.
    """
    if isinstance(function, FunctionType) and "inspect" not in sys.modules:
        return bool(function.__code__.co_flags & _CO_COROUTINE)
    import inspect

    return inspect.iscoroutinefunction(function)


def make_task(
    kind: type[Task[..., Any]],
    function: Callable[..., Any],
    name: str,
    runtime: Runtime,
    *,
    bind: bool,
    options: Mapping[str, Any],
) -> Task[..., Any]:
    """A task of a function. An `__init__` of the subclass runs last, and finds everything there."""
    task: Task[..., Any] = kind.__new__(kind)
    task._declare(function, name, runtime, bind=bind, options=options)
    type(task).__init__(task)
    return task


def adopt_task(task: Task[..., Any], name: str, runtime: Runtime, options: Mapping[str, Any]) -> None:
    """Make a task of an object whose class has `run`."""
    task._declare(task.run, name, runtime, options=options)
    task.asynchronous = is_coroutine_function(task.run)


def kind_of(base: type[Task[..., Any]], *, asynchronous: bool) -> type[Task[..., Any]]:
    """The class of a task: `base`, made one of `async def` functions where the function is one."""
    if not asynchronous or issubclass(base, AsyncTask):
        return base
    return AsyncTask if base is Task else type(base.__name__, (base, AsyncTask), {"__module__": base.__module__})
