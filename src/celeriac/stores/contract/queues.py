"""Queues: messages on their way in, and what people ask about a queue and do to it."""

from __future__ import annotations

from msgspec import Struct

from celeriac.stores.contract.request import Change, Request

ENQUEUE_MEMORY_SECONDS = 300
"""A store remembers an accepted message id at least this long, and at most twice as long."""


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


class Enqueued(Struct, frozen=True):
    """Which of the messages were new; the others had been accepted before."""

    fresh: tuple[bool, ...]


class Enqueue(Request[Enqueued], frozen=True):
    """Accept messages. Safe to repeat with the same ids within `ENQUEUE_MEMORY_SECONDS`."""

    messages: tuple[Message, ...]

    @property
    def durable(self) -> bool:
        return True


class QueueStats(Struct, frozen=True):
    """How many messages a queue holds: ready, held back, in workers' hands, set aside; whether it is paused.

    `failed`: how many tasks that came from it have failed and are kept.
    """

    queue: str
    ready: int = 0
    delayed: int = 0
    claimed: int = 0
    dead: int = 0
    paused: bool = False
    failed: int = 0


class Stats(Request[tuple[QueueStats, ...]], frozen=True):
    """Count what is in queues; with none named, in all that the store knows."""

    queues: tuple[str, ...] = ()


class Pause(Change[None], frozen=True):
    """From now on, nothing of these queues is claimed by anybody; with `paused` false, it is again.

    What is claimed already runs. Messages go on arriving, and what is released comes back. Workers that wait
    are told. It holds until it is undone, whoever comes and goes.
    """

    queues: tuple[str, ...]
    paused: bool = True


class Peeked(Struct, frozen=True):
    """A message that is ready."""

    raw: bytes
    priority: int = 0


class Peek(Request[tuple[Peeked, ...]], frozen=True):
    """The messages of a queue that are served next, in that order; they stay there.

    At most `limit`, and no further one once `max_bytes` are reached. With `heads`, only the first of each priority.
    """

    queue: str
    limit: int = 10
    max_bytes: int = 1 << 20
    heads: bool = False


class Purge(Change[int], frozen=True):
    """Drop the first `limit` messages that are ready in a queue; how many that were."""

    queue: str
    limit: int = 10_000
