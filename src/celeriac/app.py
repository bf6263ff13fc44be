"""`Celeriac`: the front door. It owns the settings, the registry of tasks, and the store."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar, overload

from celeriac.clock import SYSTEM_CLOCK, Clock
from celeriac.config import Defaults, Settings, Source
from celeriac.control import Control
from celeriac.dead import Dead
from celeriac.delayed import Delayed
from celeriac.exceptions import ImproperlyConfigured, NotRegistered
from celeriac.queues import Queues
from celeriac.result import AsyncResult
from celeriac.sender import Call, Sender
from celeriac.store.contract import Store
from celeriac.stores.open import absolute_url, open_named, project_root
from celeriac.task import AsyncTask, Runtime, Task, kind_of

P = ParamSpec("P")
R = TypeVar("R")


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


class Celeriac:
    """An application: tasks that belong together, and where their messages and results go.

    `broker` is a URL (`sqlite:///tasks.db` by default, `redis://`, `memory://`), `backend` another one
    where the results are to be elsewhere. Further keywords are settings. Nothing is connected until it is
    needed.
    """

    def __init__(
        self,
        main: str | None = None,
        *,
        broker: str | None = None,
        backend: str | None = None,
        include: Sequence[str] = (),
        config_source: Any = None,
        config_source_silent: bool = False,
        namespace: str | None = None,
        **settings: Any,
    ) -> None:
        self.main = main
        self.conf = Settings(settings, folder=self._root)
        self._namespace = namespace
        if config_source is not None:
            self.config_from_object(config_source, silent=config_source_silent)
        if broker is not None:
            self.conf.broker_url = broker
        if backend is not None:
            self.conf.result_backend = backend
        if include:
            self.conf.include = tuple(include)
        self.tasks: dict[str, Task[..., Any]] = {}
        self._home = _caller_folder()
        self._store: Store | None = None
        self._opened: dict[str, Store] = {}
        self.clock: Clock = SYSTEM_CLOCK
        self.sender = Sender(self._open_store, self.conf, self.clock, self.tasks)
        self._runtime = Runtime(self.sender, self._open_store)
        self.control = Control(self._open_store)
        self.dead = Dead(self._open_store, self.clock)
        self.delayed = Delayed(self._open_store, self.clock)
        self.queues = Queues(self._open_store, self.clock)

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

    def add_defaults(self, defaults: Defaults) -> None:
        """Settings that count where nobody says anything else; a callable is called when they are needed."""
        self.conf.add_defaults(defaults)

    @property
    def store(self) -> Store:
        """The store, opened at the first use."""
        return self._open_store()

    def _open_store(self) -> Store:
        if self._store is None:
            opened = open_named(self.conf, self.broker_url())
            # Threads that come here together go on with the same one; a lock would not survive a fork.
            self._store = self._opened.setdefault("store", opened)
        return self._store

    def _root(self) -> Path:
        return project_root(self._home)

    def broker_url(self) -> str:
        """The broker's URL, a relative SQLite path made absolute."""
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
        *,
        bind: bool = False,
        name: str | None = None,
        base: type[Task[..., Any]] = Task,
        **options: Any,
    ) -> Any:
        """Make a task of a function: `@app.task` or `@app.task(name=..., bind=True, queue=..., ...)`.

        `base` is a subclass of `Task` to use instead.
        """

        def register(function: Callable[..., Any]) -> Task[..., Any]:
            kind = kind_of(base, asynchronous=inspect.iscoroutinefunction(function))
            task: Task[..., Any] = kind(
                function, name or self.gen_task_name(function), self._runtime, bind=bind, **options
            )
            return self.tasks.setdefault(task.name, task)

        return register if function is None else register(function)

    def gen_task_name(self, function: Callable[..., Any]) -> str:
        """The name of a task that was given none: its module and its own, the app's name for `__main__`."""
        module = function.__module__
        if module == "__main__":
            module = self.main or "__main__"
        return f"{module}.{function.__name__}"

    def send_task(
        self, name: str, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[Any]:
        """Enqueue a task by name; it need not be known here."""
        known = self.tasks.get(name)
        defaults = known.options if known is not None else {}
        call = Call(task=name, args=args or (), kwargs=kwargs, **{**defaults, **options})
        id = self.sender.send_one(call)
        return AsyncResult(id, self._open_store, name, ignored=bool(call.ignore_result))

    def AsyncResult(self, id: str) -> AsyncResult[Any]:
        """The result of a task by id."""
        return AsyncResult(id, self._open_store)

    def find_task(self, name: str) -> Task[..., Any]:
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

    def __repr__(self) -> str:
        return f"<Celeriac {self.main or '__main__'}>"


def _caller_folder() -> Path:
    """The folder of the file that makes the app, from which its project is looked for."""
    frame = sys._getframe(2)
    file = frame.f_globals.get("__file__")
    return Path(file).parent if file else Path.cwd()
