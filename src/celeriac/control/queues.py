"""`app.queues`: what waits in the queues, and what an operator does to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from celeriac.clock import SYSTEM_CLOCK, Clock
from celeriac.control.workers import look_who_serves
from celeriac.exceptions import MalformedMessage
from celeriac.message import task as wire
from celeriac.stores import contract as c

_PURGED = 10_000
"""Messages dropped in one request."""


class QueueState(Struct, frozen=True):
    """A queue: its messages by where they are, whether it is paused, and how old the oldest that is ready is.

    `oldest` is in seconds, since it was sent or became due; None where nothing is ready, or nobody can tell: messages
    of Celery do not say when they were sent. `failed`: tasks of it that failed and can be run again. `workers`: how
    many serve it, those of Celery not counted.
    """

    queue: str
    ready: int
    delayed: int
    claimed: int
    dead: int
    paused: bool
    oldest: float | None = None
    failed: int = 0
    workers: int = 0


class WaitingTask(Struct, frozen=True):
    """A message that is ready. `age` in seconds, as `QueueState.oldest`; `raw` are its bytes."""

    id: str
    task: str
    args: str
    kwargs: str
    priority: int
    age: float | None
    raw: bytes


class Queues:
    """Queues by name: counted, looked into, paused, emptied. Every method raises `OperationalError`."""

    def __init__(self, store: Callable[[], c.Store], clock: Clock = SYSTEM_CLOCK) -> None:
        self._store = store
        self._clock = clock

    def list(self, *names: str) -> list[QueueState]:
        """The queues of these names; with none, all that the store knows or a worker serves."""
        served = look_who_serves(self._store()).queues
        rows = {row.queue: row for row in self._store().run(c.Stats(names))}
        for queue in () if names else served.keys() - rows.keys():
            rows[queue] = c.QueueStats(queue)
        return [self._state(rows[name], len(served.get(name, ()))) for name in names or sorted(rows)]

    def _state(self, row: c.QueueStats, workers: int) -> QueueState:
        oldest = None
        if row.ready:
            heads = self._store().run(c.Peek(row.queue, 16, heads=True))
            oldest = max((age for head in heads if (age := self._age(head.raw)) is not None), default=None)
        counts = row.ready, row.delayed, row.claimed, row.dead
        return QueueState(row.queue, *counts, row.paused, oldest, row.failed, workers)

    def _age(self, raw: bytes) -> float | None:
        since = wire.waiting_since(raw)
        return None if since is None else round(max(0.0, self._clock.now() - since), 3)

    def pause(self, *names: str) -> None:
        """Let workers claim nothing of these queues until `resume`; what they have claimed runs.

        Workers hear of it at once. Workers of Celery go on: they know nothing of it.
        """
        self._store().run(c.Pause(names))

    def resume(self, *names: str) -> None:
        """Let workers claim again."""
        self._store().run(c.Pause(names, False))

    def peek(self, name: str, limit: int = 10) -> Sequence[WaitingTask]:
        """The tasks served next, in that order; they stay where they are. Of large ones fewer, a megabyte in all."""
        return [self._read(message) for message in self._store().run(c.Peek(name, limit))]

    def _read(self, message: c.Peeked) -> WaitingTask:
        try:
            headers = wire.read_task(message.raw).headers
        except MalformedMessage:
            return WaitingTask(wire.read_id(message.raw), "", "", "", message.priority, None, message.raw)
        return WaitingTask(
            *(headers.id, headers.task, headers.argsrepr or "", headers.kwargsrepr or ""),
            *(message.priority, self._age(message.raw), message.raw),
        )

    def purge(self, *names: str, progress: Callable[[int], None] | None = None) -> int:
        """Drop what is ready in these queues; how many messages that were.

        What is delayed, claimed or dead stays, and so does what is sent after this began, if a great many were there.
        Whoever waits for a result of a dropped task waits in vain. `progress` is called with the count so far.
        """
        dropped = 0
        for row in self._store().run(c.Stats(names)) if names else ():
            left = row.ready
            while left > 0 and (count := self._store().run(c.Purge(row.queue, min(left, _PURGED)))):
                left, dropped = left - count, dropped + count
                if progress is not None:
                    progress(dropped)
        return dropped
