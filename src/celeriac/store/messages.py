"""A message on its way into a queue. Part of the contract (`celeriac.store.contract`)."""

from __future__ import annotations

from msgspec import Struct


class Message(Struct, frozen=True):
    """A message on its way into a queue.

    `id` names this enqueue (not only the task): a second message with the same id is accepted and dropped.
    `delay` holds the message back for that many milliseconds; a delayed message keeps its id, with `#2`, `#3`
    ... behind it where another has that word. `eta_raw`, where given, is pushed at once
    instead when no Celeriac worker serves the queue, so that a Celery worker can wait for it.
    """

    id: str
    queue: str
    raw: bytes
    priority: int = 0
    delay: int = 0
    eta_raw: bytes | None = None
