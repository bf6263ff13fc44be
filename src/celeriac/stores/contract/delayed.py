"""Delayed messages: held back until they are due, and what can be asked about those that are."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

from msgspec import Struct

from celeriac.stores.contract.request import Change, Request


class DelayedMessage(Struct, frozen=True):
    """A message held back until `due`, in milliseconds since 1970 on the store's clock."""

    id: str
    queue: str
    raw: bytes
    priority: int
    due: int


class DelayedPage(Struct, frozen=True):
    """Some delayed messages, and what to ask for the next page with; empty when nothing follows."""

    messages: tuple[DelayedMessage, ...]
    after: str = ""


class Delayed(Request[DelayedPage], frozen=True):
    """A page of the delayed messages, in the order in which they are due, of one moment in that of their ids.

    With a `prefix`, those whose ids begin with it, in the order of the ids. With a `queue`, those of the queue.
    No more than `limit` messages are looked at for a page, so one may be empty and yet not the last, and no
    further one is added once `max_bytes` of messages are reached.
    """

    queue: str = ""
    prefix: str = ""
    after: str = ""
    limit: int = 100
    max_bytes: int = 1 << 24


class ReadDelayed(Request[tuple[DelayedMessage | None, ...]], frozen=True):
    """Delayed messages by their ids, None where there is none."""

    ids: tuple[str, ...]


class Adjustment(Struct, frozen=True):
    """What is to change in a delayed message: due in `delay` milliseconds, another message, another queue."""

    id: str
    delay: int | None = None
    raw: bytes | None = None
    queue: str | None = None


class AdjustDelayed(Change[tuple[bool, ...]], frozen=True):
    """Change delayed messages; whether each was there."""

    adjustments: tuple[Adjustment, ...]


class Cancellation(Struct, frozen=True):
    """A delayed message to be dropped, and the document of its task, written unless there is a final one."""

    id: str
    task: str
    result: bytes


class CancelDelayed(Change[tuple[bool, ...]], frozen=True):
    """Drop delayed messages; whether each was there. Nothing is remembered of those that were not."""

    cancellations: tuple[Cancellation, ...]


class Promoted(Struct, frozen=True):
    """How many delayed messages became ready, and when the next is due (as in `Finished`)."""

    count: int
    next_due: int = -1


class Promote(Request[Promoted], frozen=True):
    """Move delayed messages that are due into their queues, at most `limit` of them."""

    limit: int = 256


def find_delayed(run: Callable[[Request[Any]], Any], task: str) -> DelayedMessage | None:
    """A delayed message by its id, or by that of its task, whichever attempt of it waits; `run` asks the store."""
    (message,) = run(ReadDelayed((task,)))
    if message is not None:
        return cast(DelayedMessage, message)
    pages = (run(Delayed(prefix=f"{task}{mark}", limit=500)).messages for mark in ":#")
    return next((message for page in pages for message in page if is_attempt(message.id, task)), None)


def is_attempt(id: str, task: str) -> bool:
    """Whether a delayed message is one of a task: its id, or that with an attempt's number, or a requeue's, behind."""
    return id.startswith(task) and _ATTEMPT.fullmatch(id, len(task)) is not None


_ATTEMPT = re.compile(r"(:\d+(:requeue:\d+)?)?(#\d+)?", re.ASCII)
