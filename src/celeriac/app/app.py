"""`Celeriac`: the front door. It owns the settings, the registry of tasks, and the store."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Protocol, Self, TypeVar, overload

from celeriac import later
from celeriac.app.annotations import annotations_for
from celeriac.app.discovery import Packages, Search
from celeriac.app.making import adopt_task, is_coroutine_function, kind_of, make_task, remake_task
from celeriac.app.registry import TaskRegistry
from celeriac.app.task import AsyncTask, Runtime, Task
from celeriac.calls import apps
from celeriac.clock import SYSTEM_CLOCK, Clock
from celeriac.config import Defaults, Settings, Source
from celeriac.exceptions import AlwaysEagerIgnored, ImproperlyConfigured, NotRegistered, OptionWarning

# An app and its tasks are there before anything of this is loaded: what uses it imports it.
if TYPE_CHECKING:
    from datetime import datetime

    from celeriac.calls.sender import Sender
    from celeriac.control.control import Control
    from celeriac.control.dead import Dead
    from celeriac.control.delayed import Delayed
    from celeriac.control.queues import Queues
    from celeriac.result import AsyncResult, GroupResult, ResultSet
    from celeriac.stores.contract import Store

P = ParamSpec("P")
R = TypeVar("R")
AnyTask = Task[..., Any]
T = TypeVar("T", bound=AnyTask)


class TaskDecorator(Protocol):
    """What `@app.task(...)` gives."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]]) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R]) -> Task[P, R]: ...


class BoundTaskDecorator(Protocol):
    """What `@app.task(bind=True, ...)` gives: the function's first argument is the task itself."""

    @overload
    def __call__(self, function: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Any, P], R]) -> Task[P, R]: ...


class TaskFunction(Protocol):
    """What `shared_task` is, and `app.task` as well."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R]: ...
    @overload
    def __call__(self, /, *, bind: Literal[True], name: str | None = None, **options: Any) -> BoundTaskDecorator: ...
    @overload
    def __call__(
        self, /, *, bind: Literal[False] = False, name: str | None = None, **options: Any
    ) -> TaskDecorator: ...


class Celeriac:
    """An application: tasks that belong together, and where their messages and results go.

    `broker` is a URL (`sqlite:///.celeriac/tasks.db` by default, `redis://`, `memory://`), `backend` another one
    where the results are to be elsewhere. Further keywords are settings. Nothing is connected until it is
    needed.

    With `set_as_current` it is what `current_app` means in this thread. `task_cls` is the class of its tasks, or
    its dotted name; `strict_typing=False` leaves arguments unchecked where tasks are called. With
    `autofinalize=False`, using a task before `finalize()` raises RuntimeError. `changes` are settings as well.

    The positions are Celery's. Its classes for the inside of an app (`loader`, `amqp`, `events`, `log`, `control`)
    have no counterpart: to give one warns.
    """

    def __init__(
        self,
        main: str | None = None,
        loader: Any = None,
        backend: str | None = None,
        amqp: Any = None,
        events: Any = None,
        log: Any = None,
        control: Any = None,
        set_as_current: bool = True,
        tasks: Mapping[str, AnyTask] | type[TaskRegistry] | str | None = None,
        broker: str | None = None,
        include: Sequence[str] | None = None,
        changes: Mapping[str, Any] | None = None,
        config_source: Any = None,
        fixups: Any = None,
        task_cls: type[AnyTask] | str | None = None,
        autofinalize: bool = True,
        namespace: str | None = None,
        strict_typing: bool = True,
        config_source_silent: bool = False,
        **settings: Any,
    ) -> None:
        inner = {"loader": loader, "amqp": amqp, "events": events, "log": log, "control": control}
        for name, kind in inner.items():
            if kind is not None:
                text = f"{name} has no effect: an app of Celeriac has no such part that could be another"
                warnings.warn(OptionWarning(text), stacklevel=later.outside())
        self.main = main
        self.set_as_current = set_as_current
        self.autofinalize = autofinalize
        self.strict_typing = strict_typing
        self.finalized: bool = False
        self._task_class: Any = None
        if task_cls is not None:
            vars(self)["task_cls"] = task_cls
        self._searches: list[Search] = []
        self.conf: Settings = Settings({**(changes or {}), **settings}, folder=self._root)
        self._namespace = namespace
        if config_source is not None:
            self.config_from_object(config_source, silent=config_source_silent)
        if broker is not None:
            self.conf.broker_url = broker
        if backend is not None:
            self.conf.result_backend = backend
        if include:
            self.conf.include = tuple(include)
        self._tasks = _registry(tasks)
        self._usual: list[tuple[AnyTask, Callable[[AnyTask], None]]] = []
        """Tasks without a `base` of their own, and what makes them tasks of another class."""
        self._home = _caller_folder()
        self._store: Store | None = None
        self._opened: dict[str, Store] = {}
        self.clock: Clock = SYSTEM_CLOCK
        self._sender: Sender | None = None
        self._runtime = Runtime(self, self._open_store, self.conf, _send_task)
        self.on_init()
        apps.register_app(self)
        if set_as_current:
            self.set_current()

    def on_init(self) -> None:
        """Called when the app has been made: for subclasses."""

    def config_from_object(
        self, obj: Any, silent: bool = False, force: bool = False, namespace: str | None = None
    ) -> Settings | None:
        """Take the settings of an object: a module, a class, a dictionary, or the name of one of them.

        A name is `module`, `module:attribute` or `module.attribute`. With a namespace, settings are the names that
        begin with it: `namespace="CELERY"` and `CELERY_TASK_ALWAYS_EAGER`. It is read when the first setting is, or
        at once with `force`; `silent` passes over what cannot be imported. Returns the settings if they were read.
        """
        self._namespace = namespace or self._namespace
        self.conf.read_from(Source(obj, silent, self._namespace))
        if force:
            self.conf.read()
        return self.conf if self.conf.configured else None

    def config_from_envvar(self, variable_name: str, silent: bool = False, force: bool = False) -> Settings | None:
        """Take the settings of the module that an environment variable names; unset, `ImproperlyConfigured`."""
        name = os.environ.get(variable_name)
        if name:
            return self.config_from_object(name, silent=silent, force=force)
        if silent:
            return None
        raise ImproperlyConfigured(f"the environment variable {variable_name} is not set: it names a settings module")

    def add_defaults(self, fun: Defaults) -> None:
        """Settings that count where nobody says anything else; a callable is called when they are needed."""
        self.conf.add_defaults(fun)

    # What only an operator's program uses is loaded when it is.

    @cached_property
    def control(self) -> Control:
        """What is said to all workers at once."""
        from celeriac.control.control import Control

        return Control(self._open_store)

    @cached_property
    def dead(self) -> Dead:
        """The messages that were set aside."""
        from celeriac.control.dead import Dead

        return Dead(self._open_store, self.clock)

    @cached_property
    def failed(self) -> Dead:
        """The tasks that failed and can be run again."""
        from celeriac.control.dead import Dead

        return Dead(self._open_store, self.clock, failed=True)

    @cached_property
    def delayed(self) -> Delayed:
        """The tasks that wait for their time."""
        from celeriac.control.delayed import Delayed

        return Delayed(self._open_store, self.clock)

    @cached_property
    def queues(self) -> Queues:
        """The queues as an operator sees them."""
        from celeriac.control.queues import Queues

        return Queues(self._open_store, self.clock)

    @property
    def store(self) -> Store:
        """The store, opened at the first use."""
        return self._open_store()

    def _open_store(self) -> Store:
        if self._store is None:
            from celeriac.stores.open import open_named

            opened = open_named(self.conf, self.broker_url())
            # Threads that come here together go on with the same one; a lock would not survive a fork.
            self._store = self._opened.setdefault("store", opened)
        return self._store

    @property
    def sender(self) -> Sender:
        """What sends the app's calls."""
        if self._sender is None:
            from celeriac.calls.sender import Sender

            self._sender = Sender(self._open_store, self.conf, self.clock, self._tasks)
        return self._sender

    def _root(self) -> str:
        from celeriac.stores.open import project_root

        return project_root(self._home)

    def broker_url(self) -> str:
        """The broker's URL, a relative SQLite path made absolute."""
        from celeriac.stores.open import absolute_url

        return absolute_url(self.conf.broker_url, self._home)

    @overload
    def task(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...
    @overload
    def task(self, function: Callable[P, R], /) -> Task[P, R]: ...
    @overload
    def task(self, /, *, bind: Literal[True], name: str | None = None, **options: Any) -> BoundTaskDecorator: ...
    @overload
    def task(self, /, *, bind: Literal[False] = False, name: str | None = None, **options: Any) -> TaskDecorator: ...
    def task(
        self,
        function: Any = None,
        /,
        **options: Any,
    ) -> Any:
        """Make a task of a function: `@app.task` or `@app.task(name=..., bind=True, queue=..., ...)`.

        `base` is a subclass of `Task` to use instead of the app's. With `shared`, every app of the process gets the
        task; without, which is the default, only this one. `lazy` is Celery's and changes nothing: a task exists at
        once, and what settings say of it counts from its first call. Any other option is an attribute of `Task`.
        """

        def register(function: Callable[..., Any]) -> AnyTask:
            if shared:
                apps.share(lambda app: app.make_task(function, **options))
            return self.make_task(function, **options)

        if function is not None and not callable(function):
            raise TypeError("argument 1 to @task() must be a callable")
        shared = options.pop("shared", False)
        return register if function is None else register(function)

    def make_task(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        base: type[AnyTask] | None = None,
        bind: bool = False,
        lazy: bool = True,
        filter: Callable[[AnyTask], Any] | None = None,
        **options: Any,
    ) -> AnyTask:
        """The task of a function; the first one of a name stays."""
        name = name or self.gen_task_name(function.__name__, function.__module__)
        known = self._tasks.get(name)
        if known is not None:
            return known
        asynchronous = is_coroutine_function(function)
        kind = kind_of(base or self.Task, asynchronous=asynchronous)
        task = make_task(kind, function, name, self._runtime, bind=bind, options=options)
        if base is None and not self.finalized:

            def remake(task: AnyTask) -> None:
                kind = kind_of(self.Task, asynchronous=asynchronous)
                remake_task(task, kind, self._runtime, bind=bind, options=options)

            self._usual.append((task, remake))
        return self._add(task) if filter is None else filter(self._add(task))

    def register_task(self, task: T | type[T], **options: Any) -> T:
        """Make a task of an object of a subclass of `Task` that has `run`, or of the class; its name is its own."""
        if isinstance(task, type):
            task = task()
        kind = type(task)
        adopt_task(task, task.name or self.gen_task_name(kind.__name__, kind.__module__), self._runtime, options)
        self._add(task)
        return task

    def _add(self, task: AnyTask) -> AnyTask:
        self._tasks[task.name] = task
        if self.finalized:
            self._annotate(task)
        return task

    def _annotate(self, task: AnyTask) -> None:
        for attributes in annotations_for(self.conf.task_annotations, task):
            task.configure(attributes)

    @property
    def tasks(self) -> TaskRegistry:
        """The tasks by name; asking for them finalizes the app."""
        if not self.finalized:
            self.finalize(auto=True)
        return self._tasks

    def finalize(self, auto: bool = False) -> None:
        """Make the shared tasks and let `task_annotations` apply; from the second time on it does nothing.

        With `autofinalize=False`, only a call from outside does it (`auto` is false); others raise RuntimeError.
        """
        if self.finalized:
            return
        if auto and not self.autofinalize:
            raise RuntimeError("Contract breach: app not finalized")
        # First: shared tasks are made through the same doors.
        self.finalized = True
        self._usual.clear()
        for task in tuple(self._tasks.values()):
            self._annotate(task)
        apps.make_shared(self)

    task_cls: type[AnyTask] | str | None = None
    """The class of its tasks, or its dotted name: of a subclass, or of an app until its tasks are used."""

    @property
    def Task(self) -> Any:
        """The class of this app's tasks: `task_cls`, bound to the app.

        Setting another one counts for all tasks made so far without a `base`, unless the app is finalized: a task has
        been called, or the tasks have been asked for.
        """
        if self._task_class is None:
            kind: Any = self.task_cls or Task
            if isinstance(kind, str):
                module, _, name = kind.replace(":", ".").rpartition(".")
                kind = getattr(import_module(module), name)
            self._task_class = type(kind.__name__, (kind,), {"_runtime": self._runtime, "__module__": kind.__module__})
        return self._task_class

    @Task.setter
    def Task(self, kind: Any) -> None:
        self._task_class = kind
        self._remake()

    def _remake(self) -> None:
        for task, remake in self._usual:
            remake(task)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name == "task_cls":
            self._task_class = None
            self._remake()
        elif name == "send_task":
            self._runtime.own_send_task = True

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        if name == "send_task":
            self._runtime.own_send_task = False

    def autodiscover_tasks(
        self, packages: Packages | None = None, related_name: str | None = "tasks", force: bool = False
    ) -> None:
        """Have the modules `related_name` of packages imported, for the tasks in them.

        `packages` are names, or a function that gives them. A worker does it when it imports the app's modules;
        with `force` it is done now.
        """
        search = Search(packages, related_name)
        if force:
            search.run()
        else:
            self._searches.append(search)

    def import_default_modules(self) -> None:
        """Import what the settings `imports` and `include` name, look through packages, and finalize."""
        for setting in (self.conf.imports, self.conf.include):
            for module in [setting] if isinstance(setting, str) else setting:
                import_module(module)
        while self._searches:
            self._searches.pop(0).run()
        self.finalize()

    def set_current(self) -> None:
        """Be what `current_app` means in this thread."""
        apps.set_current_app(self)

    def set_default(self) -> None:
        """Be what `current_app` means in threads that have none of their own."""
        apps.set_default_app(self)

    @property
    def current_task(self) -> AnyTask | None:
        """The task that runs here, or None."""
        return apps.get_current_task()  # type: ignore[no-any-return]

    current_worker_task = current_task

    def gen_task_name(self, name: str, module: str) -> str:
        """The name of a task that was given none: its module and its own, the app's name for `__main__`."""
        if module == "__main__":
            module = self.main or module
        return f"{module}.{name}" if module else name

    def send_task(
        self,
        name: str,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        countdown: float | None = None,
        eta: Any = None,
        task_id: str | None = None,
        producer: Any = None,
        connection: Any = None,
        router: Any = None,
        result_cls: Callable[[str], AsyncResult[Any]] | None = None,
        *,
        task_type: Any = None,
        **options: Any,
    ) -> AsyncResult[Any]:
        """Enqueue a task by name; it need not be known here, and its arguments are not checked.

        Options are those of `apply_async`. `result_cls` makes the result of the task's id. `task_type` is the task
        where its options are among these already: those of a task that is known here count otherwise.
        """
        from celeriac.app.calling import identity
        from celeriac.calls.arguments import assert_arguments
        from celeriac.calls.options import call_options
        from celeriac.calls.sender import Call, check_name
        from celeriac.result import AsyncResult

        if self.conf.task_always_eager:
            warnings.warn(AlwaysEagerIgnored("task_always_eager has no effect on send_task"), stacklevel=2)
        check_name(name, "the name of a task")
        assert_arguments(args or (), kwargs or {})
        known = task_type
        if known is None:
            known = (self.tasks if self.autofinalize else self._tasks).get(name)
            options = {**(known.options if known is not None else {}), **options}
        named = {"countdown": countdown, "eta": eta, "task_id": task_id}
        given = call_options({**options, **{name: value for name, value in named.items() if value is not None}})
        call = Call(task=name, args=args or (), kwargs=kwargs, **given)
        if call.cache_for:
            id, ended = self.sender.share(call, identity(known, call))
            return AsyncResult(id, self._open_store, name, self, ended=ended)
        id = self.sender.send_one(call)
        if result_cls is not None:
            result = result_cls(id)
            result.ignored = bool(call.ignore_result)
            return result
        return AsyncResult(id, self._open_store, name, self, ignored=bool(call.ignore_result))

    def AsyncResult(self, id: str) -> AsyncResult[Any]:
        """The result of a task by id."""
        from celeriac.result import AsyncResult

        return AsyncResult(id, self._open_store, app=self)

    @cached_property
    def ResultSet(self) -> type[ResultSet]:
        """The class `ResultSet`, of this app."""
        from celeriac.result import ResultSet

        return type("ResultSet", (ResultSet,), {"app": self})

    @cached_property
    def GroupResult(self) -> type[GroupResult]:
        """The class `GroupResult`, of this app: `app.GroupResult.restore(id)`."""
        from celeriac.result import GroupResult

        return type("GroupResult", (GroupResult,), {"app": self})

    def find_task(self, name: str) -> AnyTask:
        """A task by name, or `NotRegistered`."""
        try:
            return self.tasks[name]
        except KeyError:
            raise NotRegistered(name) from None

    def close(self) -> None:
        """Drop the connections of this process."""
        if self._store is not None:
            self._store.close()
            self._store = None
            self._opened.clear()

    def __enter__(self) -> Celeriac:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def now(self) -> datetime:
        """The time, in the app's time zone."""
        from celeriac.clock import utc_datetime
        from celeriac.config.zone import zone_of

        return utc_datetime(self.clock.now()).astimezone(zone_of(self.conf))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise later.missing(f"{type(self).__name__!r} object has no attribute {name!r}", "app", name, self)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce__(self) -> Any:
        """By reference: the app of this name and class, made anew from its settings where there is none."""
        return apps.find_app, (type(self), self.main, self.conf.changes)

    def __repr__(self) -> str:
        return f"<Celeriac {self.main or '__main__'}>"


_send_task = Celeriac.send_task


def _registry(tasks: Any) -> TaskRegistry:
    """The registry that an app is given, a class of one, or what is in one."""
    if isinstance(tasks, str):
        module, _, name = tasks.replace(":", ".").rpartition(".")
        tasks = getattr(import_module(module), name)
    if isinstance(tasks, type):
        tasks = tasks()
    return tasks if isinstance(tasks, TaskRegistry) else TaskRegistry(tasks or {})


def _caller_folder() -> str:
    """The folder of the file that makes the app, from which its project is looked for."""
    frame = sys._getframe(2)
    file = frame.f_globals.get("__file__")
    return os.path.dirname(file) if file else os.getcwd()


def _fallback() -> Celeriac:
    """The app that is current where nobody has made one; its store is found from the working directory."""
    app = Celeriac("default", set_as_current=False)
    app._home = os.getcwd()
    return app


apps.use_fallback(_fallback)

Celery = Celeriac
current_app: Celeriac = apps.current_app
"""The current app, whichever that is when it is used."""
current_task: Task[..., object] = apps.current_task
"""The task that runs here; false where none does."""
