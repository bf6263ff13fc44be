"""What an idiom is written with: the one library or the other under the same names, and a fresh app.

This file and those with idioms run under both interpreters, Celery's and ours; neither library is imported before
a `Library` of it is made.
"""

from __future__ import annotations

import base64
import importlib
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_numbers = itertools.count()


def differs(where: str) -> Callable[[F], F]:
    """Say that an idiom comes to something else here, and which words of docs/migration.md say so."""

    def mark(idiom: F) -> F:
        idiom.differs = where  # type: ignore[attr-defined]
        return idiom

    return mark


class Library:
    """One of the libraries, for one idiom: `m.app` is an app of its own, `m.Celery(...)` makes further ones.

    `m.library` is the package, `m.exceptions`, `m.states` and `m.result` its modules. All apps keep queues and
    results in memory; what nobody has run yet, `m.sent()` shows.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.library: Any = importlib.import_module(name)
        self.exceptions: Any = importlib.import_module(f"{name}.exceptions")
        self.states: Any = importlib.import_module(f"{name}.states")
        self.result: Any = importlib.import_module(f"{name}.result")
        self._made: Any = None
        self._after: list[Callable[[], None]] = []
        if name == "celery":
            self._empty_celerys_memory()
        else:
            importlib.import_module("celeriac.calls.apps")._shared.clear()

    def Celery(self, main: str | None = "proj", **settings: Any) -> Any:
        """An app whose queues and results are in memory."""
        return self.at_memory(self.library.Celery, main, **settings)

    def at_memory(self, kind: Any, *args: Any, **settings: Any) -> Any:
        """The same of a class or a function that makes apps."""
        if self.name == "celery":
            places = {"broker": "memory://", "backend": "cache+memory://"}
            app = kind(*args, **{**places, **settings})
            app.conf.broker_transport_options = {"polling_interval": 0.01}
            return app
        return kind(*args, **{"broker": f"memory://idiom{next(_numbers)}", **settings})

    def task(self, function: Any = None, **options: Any) -> Any:
        """A task of that function in the idiom's app, or one that adds."""

        def add(a: Any, b: Any = 2) -> Any:
            return a + b

        function = function or add
        if function.__name__ == "<lambda>":
            # Celery makes a function of that name to check arguments.
            function.__name__ = "function"
        options.setdefault("name", "add")
        return self.app.task(**options)(function)

    @property
    def app(self) -> Any:
        """The idiom's app."""
        if self._made is None:
            self._made = self.Celery()
        return self._made

    def sent(self, queue: str = "celery", app: Any = None) -> list[dict[str, Any]]:
        """What waits in a queue, first come first, delayed tasks after the others: headers, properties, and
        `args`, `kwargs`, `embed` of the body."""
        raw = (self._in_celerys_memory if self.name == "celery" else self._in_our_store)(app or self.app, queue)
        return [_open(message) for message in raw]

    def one(self, queue: str = "celery", app: Any = None) -> dict[str, Any]:
        """The only message there."""
        (message,) = self.sent(queue, app)
        return message

    def order(self, queue: str = "celery", app: Any = None) -> list[str]:
        """The names of the tasks that wait in a queue."""
        return [message["headers"]["task"] for message in self.sent(queue, app)]

    @contextmanager
    def worker(self, app: Any = None, **options: Any) -> Iterator[Any]:
        """A worker in this process."""
        app = app or self.app
        if self.name == "celery":
            testing = importlib.import_module("celery.contrib.testing.worker")
            app.conf.worker_enable_remote_control = False
            options = {"pool": "solo", "loglevel": "CRITICAL", "perform_ping_check": False, **options}
            # Ending one takes it four seconds: it is sent to sleep, away from the others' queues.
            context = testing.start_worker(app, **options)
            worker = context.__enter__()
            self._kept.append(context)
            try:
                yield worker
            finally:
                transport = worker.consumer.connection.transport
                transport.polling_interval = 3600
                for channel in transport.channels:
                    channel.queues = {}
            return
        inprocess = importlib.import_module("celeriac.worker.processes.inprocess")
        with inprocess.InProcessWorker(app) as worker:
            yield worker

    _builtins: set[Any] = set()  # noqa: RUF012 - of the process, like the next
    _kept: list[Any] = []  # noqa: RUF012 - of the process: a context that is collected ends its worker

    def ran(self, task: Any, *args: Any, app: Any = None, **kwargs: Any) -> Any:
        """What a task comes to in a worker: its state and its value, or its error's class and text."""
        return self.outcome(lambda: task.delay(*args, **kwargs), app)

    def outcome(self, call: Callable[[], Any], app: Any = None) -> Any:
        """The same of a call that gives a result."""
        with self.worker(app):
            result = call()
            value = result.get(timeout=10, interval=0.01, propagate=False)
            return [result.state, describe(value)]

    def close(self) -> None:
        """Let go of what the idiom has used."""
        for after in self._after:
            after()

    def _empty_celerys_memory(self) -> None:
        memory = importlib.import_module("kombu.transport.memory")
        memory.Channel.queues = {}
        memory.Transport.global_state = type(memory.Transport.global_state)()
        importlib.import_module("celery.app.builtins")
        finalizers = importlib.import_module("celery._state")._on_app_finalizers
        if not self._builtins:
            self._builtins.update(finalizers)
        # Tasks of other idioms are no tasks of this one's apps.
        finalizers.clear()
        finalizers.update(self._builtins)

    def _in_celerys_memory(self, app: Any, queue: str) -> list[Any]:
        memory = importlib.import_module("kombu.transport.memory")
        found = memory.Channel.queues.get(queue)
        return [] if found is None else list(found.queue)

    def _in_our_store(self, app: Any, queue: str) -> list[Any]:
        peek = importlib.import_module("celeriac.stores.contract")
        waiting = app.store.run(peek.Peek(queue, 1000))
        delayed = sorted(app.delayed.list(queue=queue), key=lambda each: each.due)
        return [json.loads(each.raw) for each in (*waiting, *delayed)]


def _open(envelope: dict[str, Any]) -> dict[str, Any]:
    """An envelope with its body beside the headers."""
    opened = {"headers": envelope["headers"], "properties": envelope["properties"]}
    opened["content-type"] = envelope.get("content-type")
    body = envelope["body"]
    try:
        if envelope["properties"].get("body_encoding") == "base64":
            body = base64.b64decode(body)
        opened["args"], opened["kwargs"], opened["embed"] = json.loads(body)
    except ValueError:
        opened["body"] = repr(body)
    return opened


def describe(value: Any) -> Any:
    """A value as JSON can say it, alike on both sides."""
    if isinstance(value, BaseException):
        return [type(value).__name__, *(describe(item) for item in value.args)]
    if isinstance(value, dict):
        return {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(map(describe, value), key=repr)
    if value is None or isinstance(value, str | int | float | bool):
        return value if type(value) in (type(None), str, int, float, bool) else [type(value).__name__, repr(value)]
    if isinstance(value, timedelta):
        return repr(value)
    if isinstance(value, type):
        return f"class {value.__name__}"
    return f"a {type(value).__name__}"


def outcome_of(call: Callable[[], Any]) -> Any:
    """What calling comes to: the value, or the class of what it raises. A task that raises is part of an idiom."""
    try:
        return describe(call())
    except Exception as error:
        return ["raises", type(error).__name__]
