"""A task that is about to run, and what its run comes to."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from celeriac.app import Task
from celeriac.calls.context import Context
from celeriac.worker.child.limits import Limits


class Attempt(Struct):
    """A message opened: the task, its arguments, and how long it may run."""

    context: Context
    task: Task[..., Any]
    args: list[Any]
    kwargs: dict[str, Any]
    raw: bytes
    limits: Limits | None = None
    started: float = 0.0
    """When it began to run, in seconds since 1970."""

    @property
    def id(self) -> str:
        """The id of the task."""
        return str(self.context.id)
