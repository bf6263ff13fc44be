"""`task.request`: what a running task knows of its call."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celeriac.message.task import TaskMessage

_FROM_HEADERS: dict[str, Any] = {
    "shadow": None,
    "eta": None,
    "expires": None,
    "group": None,
    "group_index": None,
    "argsrepr": None,
    "kwargsrepr": None,
    "origin": None,
    "lang": "py",
    "replaced_task_nesting": 0,
    "stamped_headers": None,
    "stamps": None,
    "crashes": 0,
    "losses": 0,
    "requeues": 0,
}
"""Headers that are asked for by their name, and what they are where there is no message."""

_OURS = "x-celeriac-"


class _Embedded:
    """What follows the call, as its message says it or the task itself has said since: None or less, and it does not.

    Celery's worker looks at the request when the task has ended, so `self.request.chain = None` stops a chain.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, request: Context | None, kind: type) -> Any:
        return None if request is None else request.embed.get(self._name)

    def __set__(self, request: Context, value: Any) -> None:
        request.embed = {**request.embed, self._name: value}


class Context:
    """The call a task is running for; outside a worker, an empty one with `called_directly` true.

    It has the fields of Celery's `Context`. A header of the caller's own is an attribute, too; `get` gives a
    default for what is not there.
    """

    __slots__ = (
        "__dict__",
        "args",
        "called_directly",
        "embed",
        "hostname",
        "id",
        "ignore_result",
        "instance",
        "is_eager",
        "kwargs",
        "message",
        "parent_id",
        "queue",
        "raw",
        "retries",
        "root_id",
        "said",
        "say",
        "spoke",
        "task",
    )

    said: bytes
    """The last document that the task has had written; not there before."""
    spoke: float
    """When it reported progress last."""

    def __init__(
        self, message: TaskMessage | None = None, hostname: str = "", queue: str = "", raw: bytes = b""
    ) -> None:
        self.message: TaskMessage | None = message
        self.hostname: Any = hostname or None
        self.queue: str = queue
        self.raw: bytes = raw
        self.is_eager: bool = False
        self.called_directly: bool = message is None
        self.args: Any = []
        self.kwargs: dict[str, Any] = {}
        self.embed: dict[str, Any] = {}
        self.say: Callable[[str, bytes], None] | None = None
        self.instance: Any = None
        """The task that runs."""
        if message is None:
            self.id: str | None = None
            self.task: str | None = None
            self.retries: int = 0
            self.ignore_result: bool = False
            self.root_id: str | None = None
            self.parent_id: str | None = None
        else:
            headers = message.headers
            self.id = headers.id
            self.task = headers.task
            self.retries = headers.retries
            self.ignore_result = bool(headers.ignore_result)
            self.root_id = headers.root_id or headers.id
            self.parent_id = headers.parent_id

    def __getattr__(self, name: str) -> Any:
        if name in _FROM_HEADERS:
            return _FROM_HEADERS[name] if self.message is None else getattr(self.message.headers, name)
        compute = _COMPUTED.get(name)
        if compute is not None:
            return compute(self)
        if not name.startswith("__"):
            custom = self.headers
            if custom and name in custom:
                return custom[name]
        raise AttributeError(f"the request has no {name!r}")

    callbacks: Any = _Embedded()
    errbacks: Any = _Embedded()
    chain: Any = _Embedded()
    chord: Any = _Embedded()

    def clear(self) -> None:
        """Forget the fields that were set by hand."""
        vars(self).clear()

    def get(self, name: str, default: Any = None) -> Any:
        """A field or a header of the caller's own, or the default."""
        return getattr(self, name, default)

    def update(self, *fields: Any, **more: Any) -> None:
        """Set fields, as one updates a dictionary."""
        for name, value in dict(*fields, **more).items():
            setattr(self, name, value)

    @property
    def idempotency_key(self) -> str | None:
        """The same for every run of this call, redelivered or retried, and for no other call: the task's id."""
        return self.id

    @property
    def fence(self) -> int:
        """A number that grows with every run of this call that another one may overlap.

        A storage that refuses what comes with a lower number than it has seen is safe from a run that went on
        after its worker was given up. Retries count 2**32, deaths of workers and children and requeues one.
        """
        again: int = self.losses + self.crashes + self.requeues
        return (self.retries << 32) + again

    def as_execution_options(self) -> dict[str, Any]:
        """The options with which the same call would be sent again."""
        return {
            "task_id": self.id,
            "root_id": self.root_id,
            "parent_id": self.parent_id,
            "group_id": self.group,
            "group_index": self.group_index,
            "shadow": self.shadow,
            "chord": self.chord,
            "chain": self.chain,
            "link": self.callbacks,
            "link_error": self.errbacks,
            "expires": self.expires,
            "soft_time_limit": self.soft_time_limit,
            "time_limit": self.time_limit,
            "headers": self.headers,
            "retries": self.retries,
            "reply_to": self.reply_to,
            "replaced_task_nesting": self.replaced_task_nesting,
            "origin": self.origin,
        }

    def __repr__(self) -> str:
        return f"<Context: {self.task} {self.id}>"


def _delivery_info(context: Context) -> dict[str, Any] | None:
    """Where the message came from, as Celery shows it."""
    if context.message is None:
        return None
    headers, properties = context.message.headers, context.message.properties
    info = properties.delivery_info
    return {
        "exchange": info.exchange,
        "routing_key": info.routing_key,
        "priority": properties.priority,
        "redelivered": headers.redelivered or info.redelivered,
    }


def _properties(context: Context) -> dict[str, Any] | None:
    if not context.raw:
        return None
    from celeriac.message.task import open_envelope

    found = open_envelope(context.raw).get("properties")
    return found if isinstance(found, dict) else None


def _headers(context: Context) -> dict[str, Any] | None:
    """The caller's own headers; read when first asked for."""
    custom: dict[str, Any] | None = None
    if context.raw:
        from celeriac.message.task import Headers, open_envelope

        celerys = {*Headers.__struct_fields__, "compression"}
        named = open_envelope(context.raw)["headers"].items()
        custom = {name: value for name, value in named if name not in celerys and not name.startswith(_OURS)}
    context.update(headers=custom or None)
    return custom or None


def _children(context: Context) -> list[Any]:
    children: list[Any] = []
    context.update(children=children)
    return children


def _timelimit(context: Context) -> list[float | None] | None:
    """Whole seconds are shown as they were written."""
    limits = None if context.message is None else context.message.headers.timelimit
    return (
        None if limits is None else [int(each) if each is not None and each == int(each) else each for each in limits]
    )


def _limit(index: int) -> Callable[[Context], Any]:
    def read(context: Context) -> Any:
        limits = context.timelimit or ()
        return limits[index] if len(limits) > index else None

    return read


_COMPUTED: dict[str, Callable[[Context], Any]] = {
    "children": _children,
    "correlation_id": lambda context: None if context.message is None else context.message.properties.correlation_id,
    "delivery_info": _delivery_info,
    "headers": _headers,
    "logfile": lambda context: None,
    "loglevel": lambda context: None,
    "properties": _properties,
    "reply_to": lambda context: None if context.message is None else context.message.properties.reply_to,
    "soft_time_limit": _limit(1),
    "taskset": lambda context: context.group,
    "time_limit": _limit(0),
    "timelimit": _timelimit,
    "utc": lambda context: None if context.message is None else True,
}
"""Fields that are made when they are asked for."""

DIRECT = Context()
"""What `task.request` is outside a worker."""

current: ContextVar[Context] = ContextVar("celeriac_current", default=DIRECT)
"""The call that runs in this thread or coroutine."""
