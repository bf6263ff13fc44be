"""`Task`: a function that can be called elsewhere and later."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, ParamSpec, TypeVar, overload

from celeriac import later, states
from celeriac.app.defaults import Otherwise, acks, setting
from celeriac.app.retry import RetryPolicy
from celeriac.calls.apps import get_current_app
from celeriac.calls.context import Context, current
from celeriac.config import Settings
from celeriac.exceptions import MaxRetriesExceededError, OperationalError, OptionWarning, Retry

# Whoever only declares tasks does not load what calling one takes: the doors to it import it.
if TYPE_CHECKING:
    from datetime import datetime

    from celeriac.app.calling import Caller
    from celeriac.calls.sender import Sender
    from celeriac.calls.validation import Dump
    from celeriac.result import AsyncResult, EagerResult
    from celeriac.stores.contract import Store

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

_SETTLING = frozenset({*OPTIONS, *HOOKS, *RetryPolicy._fields, "run", "__call__", "throws", "rate_limit"})
"""Attributes that something else follows from; see `Task._settle`."""

_FUNCTIONS = frozenset({"cache_key"})
"""Options that are functions, and no methods: they are not given the task."""

TOLD_FIRST = frozenset({"validate", "pydantic", "pydantic_strict", "pydantic_context", "pydantic_dump_kwargs"})
"""Options that say how arguments are checked: they count before the others, in the function itself."""


class Runtime:
    """What tasks need of their app: its settings, the way out (sender) and the way back (store)."""

    __slots__ = ("app", "own_send_task", "send_task", "settings", "store")

    def __init__(self, app: Any, store: Callable[[], Store], settings: Settings, send_task: Callable[..., Any]) -> None:
        self.app: Any = app
        self.send_task: Callable[..., Any] = send_task
        """The app's as it is unless a subclass or a test puts another in its place."""
        self.own_send_task: bool = False
        """Whether this very app has got another one."""
        self.store: Callable[[], Store] = store
        self.settings: Settings = settings

    @property
    def sender(self) -> Sender:
        """The app's, made when it is first asked for."""
        sender: Sender = self.app.sender
        return sender


def _no_run(self: Any, *args: Any, **kwargs: Any) -> Any:
    """What a task does."""
    raise NotImplementedError("a task must define run")


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

    Each task of a function has a class of its own, named like the function, with the options as its attributes; so
    functions given as options (`on_failure=...`) are methods. What settings say of all tasks is read here, too, where
    a task says nothing itself (`_told` knows the difference). Attributes may be set at any time, in a worker before it
    starts. Tasks are copied and pickled by reference: by their names.
    """

    abstract = True
    asynchronous = False
    name: str = ""
    typing: bool | None = Otherwise(lambda task, runtime: runtime.app.strict_typing)  # type: ignore[assignment]
    queue: Any = None
    exchange: Any = None
    routing_key: str | None = None
    priority: int | None = setting("task_default_priority")
    expires: Any = None
    serializer: str | None = setting("task_serializer")
    compression: str | None = None
    delivery_mode: int | str | None = None
    time_limit: float | None = setting("task_time_limit")
    soft_time_limit: float | None = setting("task_soft_time_limit")
    ignore_result: bool | None = setting("task_ignore_result")
    cache_for: float | None = None
    cache_key: Callable[..., Any] | None = None
    max_retries: int | None = 3
    default_retry_delay: float = 180
    acks_late: bool | None = setting("task_acks_late")
    acks_on_failure: bool | None = acks("task_acks_on_failure")
    acks_on_timeout: bool | None = acks("task_acks_on_timeout")
    acks_on_failure_or_timeout: bool | None = setting("task_acks_on_failure_or_timeout")
    reject_on_worker_lost: bool | None = setting("task_reject_on_worker_lost")
    retry_on_worker_lost: bool | None = setting("task_retry_on_worker_lost")
    track_started: bool | None = setting("task_track_started")
    store_eager_result: bool | None = setting("task_store_eager_result")
    store_errors_even_if_ignored: bool | None = setting("task_store_errors_even_if_ignored")
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
    _way: Caller[R] | _Detour | None = None
    _direct: Context | None = None
    _pushed: list[Any]

    def _declare(
        self,
        function: Callable[..., Any],
        name: str,
        runtime: Runtime,
        *,
        bound: bool,
        dump: Dump | None,
        options: Mapping[str, Any],
    ) -> None:
        """Make a task of this object: what the app does, before `__init__` of a subclass runs."""
        vars(self).update(
            name=name,
            bound=bound,
            function=function,
            _runtime=runtime,
            _dump=dump,
            _pushed=[],
            __name__=getattr(function, "__name__", name),
            __doc__=function.__doc__ or type(self).__doc__,
            __module__=getattr(function, "__module__", type(self).__module__),
        )
        self.configure(options)
        type(self).on_bound(runtime.app)

    bound: bool
    """Whether the function is given the task first."""
    function: Callable[..., Any]
    """The function as it was written."""

    @classmethod
    def on_bound(cls, app: Any) -> None:
        """Called when a task of this class has got its app."""

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        """What `inspect.signature` looks at."""
        run: Callable[..., Any] = self.run
        return run

    def _told(self, name: str) -> Any:
        """An attribute as the task or its class says it; None where only settings do."""
        return vars(self).get(name, getattr(type(self), name))

    def configure(self, attributes: Mapping[str, Any]) -> None:
        """Set attributes, options among them; those of the class where that is this task's own, as in Celery.

        One that is nearly an option warns, and is kept like any other; `@name` puts a decorator around a method.
        """
        kind = type(self)
        of_class = "run" in vars(kind)
        for name, value in attributes.items():
            if name.startswith("@"):
                vars(self)[name[1:]] = value(getattr(self, name[1:]))
                continue
            if not hasattr(kind, name):
                _warn_of(self.name, name)
            if value is None and isinstance(vars(Task).get(name), Otherwise):
                continue
            if of_class:
                setattr(kind, name, staticmethod(value) if name in _FUNCTIONS else value)
            else:
                vars(self)[name] = value
        self._settle()

    def _settle(self) -> None:
        """What follows from the attributes."""
        own, kind = vars(self), type(self)
        if self.rate_limit is not None and "rate_limit" not in own.get("_warned", ()):
            own["_warned"] = ("rate_limit",)
            warnings.warn(f"task {self.name}: rate_limit comes in a later version", stacklevel=5)
        given = {name: getattr(self, name) for name in RetryPolicy._fields}
        for name in ("autoretry_for", "dont_autoretry_for"):
            given[name] = tuple(given[name])
        changed = "__call__" in own or kind.__call__ not in (Task.__call__, AsyncTask.__call__)
        own.update(
            throws=tuple(self.throws),
            limited=bool(self._told("time_limit") or self._told("soft_time_limit")),
            retry_policy=RetryPolicy(**given),
            options={name: value for name in OPTIONS if (value := self._told(name)) is not None},
            hooks=frozenset(hook for hook in HOOKS if hook in own or getattr(kind, hook) is not getattr(Task, hook)),
            body=self.__call__ if changed else self.run,
        )

    limited: bool
    retry_policy: RetryPolicy
    options: dict[str, Any]
    """Options of `apply_async` that all its calls have."""
    hooks: frozenset[str]
    """Which of the methods that workers call it has of its own: the others are not called at all."""
    body: Callable[..., Any]
    """What a worker calls."""

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        self._note(name)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._note(name)

    def _note(self, name: str) -> None:
        """An attribute has changed."""
        if name in _SETTLING and "body" in vars(self):
            self._settle()
        elif name == "apply_async" and self._way is not None:
            self._way = _Detour(self) if self._is_overridden() else self._caller

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise later.missing(f"{type(self).__name__!r} object has no attribute {name!r}", "task", name, self)

    @classmethod
    def _get_app(cls) -> Any:
        """The app, or the current one where it has none: Celery's name for it, which add-ons use."""
        runtime = getattr(cls, "_runtime", None)
        return get_current_app() if runtime is None else runtime.app

    @property
    def app(self) -> Any:
        """The app it belongs to."""
        runtime = getattr(self, "_runtime", None)
        return get_current_app() if runtime is None else runtime.app

    @property
    def request(self) -> Context:
        """The call that is running, here and now; an empty one where this task was called like a function."""
        request = current.get()
        if request.task is not None and request.task == self.name:
            return request
        if self._direct is None:
            self._direct = Context()
        return self._direct

    def push_request(self, *args: Any, **kwargs: Any) -> None:
        """Let `request` have these fields until `pop_request`: for tests."""
        request = Context()
        request.task, request.instance = self.name, self
        request.update(*args, **kwargs)
        self._pushed.append(current.set(request))

    def pop_request(self) -> None:
        """Take back what `push_request` did last."""
        current.reset(self._pushed.pop())

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function here, without a worker."""
        result: R = self.run(*args, **kwargs)
        return result

    run: Any = _no_run
    """The function itself, which is given the task first when it is bound."""

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """Enqueue a call with these arguments; when it returns, the store has it.

        Goes through `apply_async` where a subclass, the task or a test has another one. Raises TypeError for
        arguments that the function does not take.
        """
        if type(self).apply_async is not _apply_async:
            return self.apply_async(args, kwargs)
        return (self._way or self._first_call()._way).delay(args, kwargs)

    async def adelay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """`delay` for event loops."""
        return await self.aapply_async(args, kwargs)

    def apply_async(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        producer: Any = None,
        link: Any = None,
        link_error: Any = None,
        shadow: str | None = None,
        **options: Any,
    ) -> AsyncResult[R]:
        """Enqueue a call with options: Celery's names, its positions, and its units (seconds).

        Options that come in a later version raise `InvalidOption`, unknown ones warn once and change nothing.
        """
        if task_id is not None:
            options["task_id"] = task_id
        if producer is not link or link_error is not shadow or shadow is not None or link is not None:
            options.update(producer=producer, link=link, link_error=link_error, shadow=shadow)
        return (self._caller or self._first_call()._caller).apply(args, kwargs, options)

    async def aapply_async(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[R]:
        """`apply_async` for event loops; where a subclass has an `apply_async` of its own, that, on a thread."""
        if self._is_overridden():
            from asyncio import to_thread

            return await to_thread(self.apply_async, args, kwargs, **options)
        return await (self._caller or self._first_call()._caller).aapply(args, kwargs, options)

    def delay_many(self, arguments: Iterable[Sequence[Any]], **options: Any) -> list[AsyncResult[R]]:
        """Enqueue one call for each tuple of arguments, hundreds in a round trip; with `cache_for`, one.

        If the store becomes unreachable in between, the calls enqueued so far stay enqueued and the error
        is raised. An `apply_async` of a subclass's own is called for each.
        """
        if self._is_overridden():
            return [self.apply_async(args, None, **options) for args in arguments]
        return (self._caller or self._first_call()._caller).apply_many(arguments, options)

    def _first_call(self) -> Any:
        """Make what calls go by: for `apply_async`, and for `delay`, which may have to go by way of that."""
        from celeriac.app.calling import Caller

        self.app.finalize(auto=True)
        self._caller = Caller(self, self._runtime, self.function if self.typing else None, self._dump)
        self._way = _Detour(self) if self._is_overridden() else self._caller
        return self

    def _is_overridden(self) -> bool:
        """Whether calls go through an `apply_async` of a subclass's or the task's own."""
        return type(self).apply_async is not _apply_async or "apply_async" in vars(self)

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
        from celeriac.app.calling import run_here

        self.app.finalize(auto=True)
        given = {"link": link, "link_error": link_error, "task_id": task_id, "headers": headers, **options}
        propagates = self._runtime.settings.task_eager_propagates if throw is None else throw
        return run_here(self, args, kwargs, {**given, "retries": retries or 0}, throw=propagates)

    def AsyncResult(self, task_id: str) -> AsyncResult[R]:
        """The result of a call of this task by id."""
        from celeriac.result import AsyncResult

        return AsyncResult(task_id, self._runtime.store, self.name, self.app)

    @overload
    def retry(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        exc: BaseException | None = None,
        throw: Literal[True] = True,
        eta: datetime | None = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        **options: Any,
    ) -> NoReturn: ...
    @overload
    def retry(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        exc: BaseException | None = None,
        *,
        throw: bool,
        eta: datetime | None = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        **options: Any,
    ) -> Retry: ...
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
    ) -> Retry:
        """Give up this attempt and run the task again later; never returns, unless `throw` is false.

        The next attempt is enqueued in the same step that ends this one: neither can happen alone. Without `throw` it
        is enqueued at once, and this one goes on to an end of its own. After
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
        from celeriac.app.calling import fitted, next_attempt

        args, kwargs = fitted(self.run, request, args, kwargs)
        again = next_attempt(self, request, args, kwargs, options, eta=eta, countdown=countdown)
        wish = Retry(exc=exc, when=eta or countdown, is_eager=request.is_eager, sig=again)
        if throw:
            raise wish from exc
        if not request.is_eager:
            self._runtime.sender.send_one(again)
        return wish

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
        than the store takes them, the last counts. It has no effect for a task whose result is ignored, or once the
        worker's lease is lost. `task_id` names another task, or one outside a worker: it is written at once, unless
        that task has ended.
        """
        from celeriac.calls.progress import say

        say(self.request, task_id, state or states.STARTED, meta, self._write_document)

    def _write_document(self, id: str, document: bytes) -> None:
        """Write a result document that is not of a claim: it never replaces a final one."""
        from celeriac.stores.contract import Note

        store = self._runtime.store()
        store.run(Note(id, store.format.put(document)), deadline=self._runtime.settings.task_publish_deadline)

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Say how far this task is, as state `PROGRESS`; `AsyncResult.progress` reads it.

        Cheap in a tight loop: what comes within a tenth of a second after the last one is left out, unless
        `done` equals `total`. Else as `update_state`.
        """
        from celeriac.calls.progress import report

        report(self.request, done, total, message)

    def __repr__(self) -> str:
        return f"<@task: {self.name} of {getattr(self.app, 'main', None) or '__main__'} at {id(self):#x}>"

    def __copy__(self) -> Task[P, R]:
        return self

    def __deepcopy__(self, memo: Any) -> Task[P, R]:
        return self

    def __reduce__(self) -> Any:
        return find_task, (self.name, type(self).__module__)


_apply_async = Task.apply_async


class _Detour:
    """What `delay` goes by where somebody has put another `apply_async` into a task."""

    def __init__(self, task: Task[..., Any]) -> None:
        self._task = task

    def delay(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> AsyncResult[Any]:
        """Call that one."""
        return self._task.apply_async(args, kwargs)


def find_task(name: str, module: str) -> Task[..., Any]:
    """The task of that name in the current app, its module imported: what a pickled task becomes."""
    if module in sys.modules or module != "__main__":
        import_module(module)
    found: Task[..., Any] = get_current_app().tasks[name]
    return found


@cache
def _known_options() -> tuple[str, ...]:
    """The attributes of `Task` that can be set."""
    return tuple(name for name in (*Task.__annotations__, *TOLD_FIRST) if not name.startswith("_"))


class AsyncTask(Task[P, R]):
    """A task whose function is `async def`: called here it gives a coroutine."""

    asynchronous = True

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:  # type: ignore[override]
        """Run the function here, without a worker."""
        coroutine: Coroutine[Any, Any, R] = self.run(*args, **kwargs)
        return coroutine


def _warn_of(task: str, option: str) -> None:
    """Say what an option means that is none: nothing yet, or what it was meant to be."""
    import difflib

    near = difflib.get_close_matches(option, _known_options(), n=1, cutoff=0.75)
    soon = later.OPTIONS.get(option)
    if soon is not None:
        text = f"task {task}: {option} comes in a later version and changes nothing yet: {soon}"
    elif near:
        text = f"task {task} has no option {option!r}; did you mean {near[0]!r}? It is kept, and changes nothing"
    else:
        return
    warnings.warn(OptionWarning(text), stacklevel=later.outside())
