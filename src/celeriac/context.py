"""`task.request`: what a running task knows of its call."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from celeriac.message.task import TaskMessage

_FROM_HEADERS = {
    "shadow": "shadow",
    "eta": "eta",
    "expires": "expires",
    "group": "group",
    "group_index": "group_index",
    "timelimit": "timelimit",
    "argsrepr": "argsrepr",
    "kwargsrepr": "kwargsrepr",
    "origin": "origin",
    "replaced_task_nesting": "replaced_task_nesting",
    "stamped_headers": "stamped_headers",
    "stamps": "stamps",
    "crashes": "crashes",
    "requeues": "requeues",
}


class Context:
    """The call a task is running for; outside a worker, an empty one with `called_directly` true."""

    __slots__ = (
        "args",
        "called_directly",
        "embed",
        "hostname",
        "id",
        "ignore_result",
        "is_eager",
        "kwargs",
        "message",
        "parent_id",
        "queue",
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

    def __init__(self, message: TaskMessage | None = None, hostname: str = "", queue: str = "") -> None:
        self.message = message
        self.hostname = hostname
        self.queue = queue
        self.is_eager = False
        self.called_directly = message is None
        self.args: list[Any] = []
        self.kwargs: dict[str, Any] = {}
        self.embed: dict[str, Any] = {}
        self.say: Callable[[str, bytes], None] | None = None
        if message is None:
            self.id: str | None = None
            self.task: str | None = None
            self.retries = 0
            self.ignore_result = False
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
        header = _FROM_HEADERS.get(name)
        if header is None:
            raise AttributeError(f"the request has no {name!r}")
        return getattr(self.message.headers, header) if self.message is not None else None

    @property
    def delivery_info(self) -> dict[str, Any]:
        """Where the message came from, as Celery shows it."""
        if self.message is None:
            return {}
        headers, properties = self.message.headers, self.message.properties
        info = properties.delivery_info
        return {
            "exchange": info.exchange,
            "routing_key": info.routing_key,
            "priority": properties.priority,
            "redelivered": headers.redelivered or info.redelivered,
        }

    @property
    def reply_to(self) -> str | None:
        """Where an RPC client waits."""
        return self.message.properties.reply_to if self.message is not None else None

    @property
    def correlation_id(self) -> str | None:
        """The id an RPC client matches replies by."""
        return self.message.properties.correlation_id if self.message is not None else None


DIRECT = Context()
"""What `task.request` is outside a worker."""

current: ContextVar[Context] = ContextVar("celeriac_current", default=DIRECT)
"""The call that runs in this thread or coroutine."""
