"""A task that is about to run, and what its run comes to."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from celeriac.context import Context
from celeriac.store.contract import DeadLetter, Message, Outcome
from celeriac.task import Task
from celeriac.worker.limits import Limits

DOCUMENT, REPORT = 0, 1
"""Kinds of outcomes: a result document (empty: a success of which none is kept), or an `Outcome` in msgpack."""

Judged = tuple[int, bytes]

_encode = msgspec.msgpack.Encoder().encode
decode_report = msgspec.msgpack.Decoder(Outcome).decode


class Attempt(Struct):
    """A message opened: the task, its arguments, and how long it may run."""

    context: Context
    task: Task[..., Any]
    args: list[Any]
    kwargs: dict[str, Any]
    raw: bytes
    limits: Limits | None = None

    @property
    def id(self) -> str:
        """The id of the task."""
        return str(self.context.id)


def report(
    task_id: str, result: bytes | None, successors: tuple[Message, ...] = (), dead: DeadLetter | None = None
) -> Judged:
    """An outcome; as a plain document where it is nothing else.

    `result` is empty for a task that succeeded and keeps none, and None for one that keeps none and did not.
    """
    if result is not None and not successors and dead is None:
        return DOCUMENT, result
    return REPORT, _encode(Outcome("", task_id, result, successors, dead=dead))
