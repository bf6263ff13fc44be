"""Where a task goes: queues, exchanges, and the settings that route tasks to them. Pure.

What carries messages here knows queues only. An exchange is a rule that turns a routing key into the name of
a queue, by the queues that `task_queues` declares, and gives the lists that a fleet of Celery on Redis would use.

Sources: Celery docs, userguide/routing; AMQP 0-9-1, 3.1.3 for direct, topic and fanout exchanges.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import translate
from importlib import import_module
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from celeriac.config.admission import is_broadcast
from celeriac.exceptions import ImproperlyConfigured, InvalidOption, QueueNotFound

if TYPE_CHECKING:
    from celeriac.config import Settings

Options = dict[str, Any]
Route = Mapping[str, Any] | str | None

_TYPES = ("direct", "topic", "fanout")


class Exchange:
    """A rule by which routing keys become queues: `direct`, `topic` (`*` is one word, `#` any number) or `fanout`.

    Further options are kept and mean nothing to the stores there are.
    """

    def __init__(self, name: str = "", type: str = "direct", **options: Any) -> None:
        self.name = name
        self.type: str = type or "direct"
        self.options = options

    def __repr__(self) -> str:
        return f"Exchange({self.name!r}, {self.type!r})"


class Queue:
    """A queue by name, and the routing key under which its exchange finds it.

    Further options are kept and mean nothing to the stores there are.
    """

    def __init__(
        self, name: str, exchange: Exchange | str | None = None, routing_key: str = "", **options: Any
    ) -> None:
        self.name = name
        self.exchange: Exchange | None = Exchange(exchange) if isinstance(exchange, str) else exchange
        self.routing_key = routing_key
        self.bindings: Sequence[Any] = options.pop("bindings", None) or ()
        self.options = options

    def __repr__(self) -> str:
        return f"Queue({self.name!r})"


class Bound(Struct, frozen=True):
    """What is needed of a queue: its name, its exchange, and the keys that lead from there to it."""

    name: str
    exchange: str
    kind: str
    keys: tuple[tuple[str, str], ...]

    @property
    def key(self) -> str:
        """The routing key that it is sent under when the call names none."""
        return self.keys[0][1] if self.keys else self.name


class Destination(Struct, frozen=True):
    """Where a message goes; `exchange` and `key` are what it says of the way: empty for a queue by its name."""

    queue: str
    exchange: str = ""
    key: str = ""


class Queues:
    """The queues that settings declare: `task_queues`, or `task_default_queue` alone."""

    def __init__(self, settings: Settings) -> None:
        self._default = settings.task_default_queue
        self._exchange = settings.task_default_exchange or self._default
        self._kind = settings.task_default_exchange_type
        self._key = settings.task_default_routing_key or self._default
        self._create = settings.task_create_missing_queues
        listed = _listed(settings.task_queues)
        declared = [queue for queue in listed if not is_broadcast(queue)] or [Queue(self._default)]
        broadcasts = [queue for queue in listed if is_broadcast(queue)]
        self._broadcasts = {name for queue in broadcasts for name in (queue.alias, queue.name, queue.exchange.name)}
        self._queues = {queue.name: queue for queue in map(self._bound, declared)}

    def names(self) -> tuple[str, ...]:
        """Their names, in the order of the setting."""
        return tuple(self._queues)

    def find(self, queue: Any) -> Bound:
        """A queue by name or as an object; raises `QueueNotFound` where only declared ones may be used.

        A broadcast raises `InvalidOption`.
        """
        self._refuse_broadcast(queue)
        if not isinstance(queue, str):
            return self._bound(queue)
        found = self._queues.get(queue)
        if found is not None:
            return found
        if not self._create and queue != self._default:
            raise QueueNotFound(f"the queue {queue!r} is not in task_queues, and task_create_missing_queues is off")
        return Bound(queue, queue, "direct", ((queue, queue),))

    def resolve(self, queue: Any, exchange: Any = None, key: str | None = None, kind: str | None = None) -> Destination:
        """The one queue that a message for these goes to.

        Raises `InvalidOption` if the exchange leads nowhere, or to several queues: a task runs once.
        """
        target = self.find(queue)
        self._refuse_broadcast(exchange)
        name = exchange if exchange is None or isinstance(exchange, str) else exchange.name
        kind = kind or (getattr(exchange, "type", None) if name else None) or self._kind_of(name) or target.kind
        if kind == "direct" and not (name and key):
            return Destination(target.name)
        name, key = name or target.exchange, key or target.key
        known = {**self._queues, target.name: target}
        found = [each.name for each in known.values() if _leads(each, name, key, kind)]
        if len(found) == 1:
            return Destination(found[0], name, key)
        where = f"the {kind} exchange {name!r} with the routing key {key!r}"
        if not found:
            raise InvalidOption(f"{where} leads to no queue of task_queues")
        raise InvalidOption(f"{where} leads to several queues: {', '.join(found)}")

    def _refuse_broadcast(self, place: Any) -> None:
        """Raise `InvalidOption` for a broadcast: where it would lie, no worker looks."""
        name = place if isinstance(place, str) else getattr(place, "name", None)
        if is_broadcast(place) or name in self._broadcasts:
            raise InvalidOption(f"{name!r} is a broadcast, which comes later: no worker would serve it")

    def _kind_of(self, exchange: str | None) -> str | None:
        return next((queue.kind for queue in self._queues.values() if exchange and queue.exchange == exchange), None)

    def _bound(self, queue: Any) -> Bound:
        exchange = getattr(queue, "exchange", None)
        name, kind = (exchange.name, exchange.type) if exchange is not None and exchange.name else ("", "")
        name, kind = name or self._exchange, kind or self._kind
        if kind not in _TYPES:
            raise ImproperlyConfigured(
                f"the queue {queue.name!r} has an exchange of type {kind!r}: {', '.join(_TYPES)}"
            )
        more = tuple((_name(each.exchange) or name, each.routing_key or "") for each in queue.bindings or ())
        own = () if more and not queue.routing_key else ((name, queue.routing_key or self._key),)
        return Bound(queue.name, name, kind, own + more)


def _listed(queues: Any) -> list[Any]:
    """The setting `task_queues` as objects with a name, an exchange and a routing key."""
    if isinstance(queues, Mapping):
        return [_from_options(name, options or {}) for name, options in queues.items()]
    return [Queue(each) if isinstance(each, str) else each for each in queues or ()]


def _from_options(name: str, options: Mapping[str, Any]) -> Queue:
    exchange, kind = options.get("exchange"), options.get("exchange_type")
    if isinstance(exchange, str) and kind:
        exchange = Exchange(exchange, kind)
    # Celery's older word for the key of a queue; the newer one is a call's.
    key = options.get("binding_key") or options.get("routing_key") or ""
    return Queue(name, exchange, key, bindings=options.get("bindings"))


def _name(exchange: Any) -> str:
    return exchange if isinstance(exchange, str) else getattr(exchange, "name", "")


def _leads(queue: Bound, exchange: str, key: str, kind: str) -> bool:
    patterns = [pattern for name, pattern in queue.keys if name == exchange]
    if kind == "fanout":
        return bool(patterns)
    if kind == "topic":
        return any(_topic(pattern).fullmatch(f".{key}") for pattern in patterns)
    return key in patterns


def _topic(pattern: str) -> re.Pattern[str]:
    """`*` stands for one word and `#` for any number of them, none included."""
    text = "".join(r"(?:\.[^.]+)*" if word == "#" else rf"\.{_word(word)}" for word in pattern.split("."))
    return re.compile(text)


def _word(word: str) -> str:
    return "[^.]+" if word == "*" else re.escape(word)


class Router:
    """What `task_routes` says, and what comes of it with the options of a call."""

    def __init__(self, settings: Settings) -> None:
        self.queues: Queues = Queues(settings)
        self._default = settings.task_default_queue
        self._routes = prepare(settings.task_routes)

    def route(self, options: Options, name: str, args: Any, kwargs: Any, task: Any = None) -> Options:
        """The options of a call, completed by the first route that has an answer; `queue` is always among them.

        What the call says itself goes before what its route says.
        """
        for router in self._routes:
            found = router(name, args, kwargs, options, task=task)
            if found is not None:
                route = {"queue": found} if isinstance(found, str) else dict(found)
                options = {**route, **{key: value for key, value in options.items() if value is not None}}
                break
        if not options.get("queue"):
            options = {**options, "queue": self._default}
        return options


def prepare(routes: Any) -> list[Callable[..., Route]]:
    """The setting `task_routes` as functions, in order; dotted names are imported at the first use."""
    if routes is None:
        return []
    listed = routes if isinstance(routes, list | tuple) else (routes,)
    return [_Map(each) if isinstance(each, Mapping | list | tuple) else _router(each) for each in listed]


class _Map:
    """A dictionary of routes: names first, then patterns in their order."""

    def __init__(self, routes: Any) -> None:
        self._names: dict[str, Any] = {}
        self._patterns: list[tuple[re.Pattern[str], Any]] = []
        for name, route in routes.items() if isinstance(routes, Mapping) else routes:
            if isinstance(name, re.Pattern):
                self._patterns.append((name, route))
            elif "*" in name:
                self._patterns.append((re.compile(translate(name)), route))
            else:
                self._names[name] = route

    def __call__(self, name: str, *_: Any, **__: Any) -> Route:
        if name in self._names:
            return _of_map(self._names[name])
        return next((_of_map(route) for pattern, route in self._patterns if pattern.match(name)), None)


def _of_map(route: Any) -> Route:
    return route if isinstance(route, Mapping) else {"queue": route}


def _router(router: Any) -> Callable[..., Route]:
    if not isinstance(router, str):
        return _callable(router)
    loaded: list[Callable[..., Route]] = []

    def load(*args: Any, **kwargs: Any) -> Route:
        if not loaded:
            found = _load(router)
            loaded.append(_callable(found() if isinstance(found, type) else found))
        return loaded[0](*args, **kwargs)

    return load


def _callable(router: Any) -> Callable[..., Route]:
    """A router: a function of name, args, kwargs, options and task, or an object with `route_for_task`."""
    if hasattr(router, "route_for_task"):
        asked = router() if isinstance(router, type) else router
        return lambda name, args, kwargs, options, task=None: asked.route_for_task(name, args, kwargs)
    if not callable(router):
        raise ImproperlyConfigured(f"task_routes: {router!r} is no dictionary, function or router")
    function: Callable[..., Route] = router
    return function


def _load(path: str) -> Any:
    module, _, name = path.replace(":", ".").rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ImproperlyConfigured(f"task_routes: there is no {path!r}: {error}") from error


def served(settings: Mapping[str, Any], given: Iterable[str], excluded: Iterable[str]) -> tuple[str, ...]:
    """The queues of a worker, by name: those given or else all that are declared, without those excluded.

    `settings` has `task_queues` as names. Raises `ImproperlyConfigured` for one that may not be.
    """
    default = settings.get("task_default_queue") or "celery"
    declared = tuple(settings.get("task_queues") or (default,))
    chosen = tuple(given) or declared
    if not settings.get("task_create_missing_queues", True):
        for name in chosen:
            if name not in declared:
                raise ImproperlyConfigured(
                    f"the queue {name!r} is not in task_queues, and task_create_missing_queues is off"
                )
    left_out = set(excluded)
    return tuple(name for name in dict.fromkeys(chosen) if name not in left_out)
