"""`app.delayed`: the tasks that wait in the store for their time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from msgspec import Struct

from celeriac.clock import SYSTEM_CLOCK, Clock, utc_datetime
from celeriac.exceptions import MalformedMessage
from celeriac.message import document, edit
from celeriac.message import task as wire
from celeriac.stores import contract as c
from celeriac.stores.contract.delayed import find_delayed

_PAGE = 500


class DelayedTask(Struct, frozen=True):
    """A task held back until `due`. `id` names the message: the task's id, or that and the number of the attempt."""

    id: str
    task_id: str
    task: str
    queue: str
    priority: int
    due: datetime
    raw: bytes

    @property
    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments; raises `MalformedMessage`."""
        return edit.arguments(self.raw)


class Delayed:
    """Delayed tasks: read, changed, cancelled.

    A task is found by the id of its message or by its own, whichever attempt of it waits. On Redis a task that
    was sent while no Celeriac worker served its queue is not here: it went into the queue, as Celery's ETA
    message. Every method raises `OperationalError` when the store cannot be reached.
    """

    def __init__(self, store: Callable[[], c.Store], clock: Clock = SYSTEM_CLOCK) -> None:
        self._store = store
        self._clock = clock

    def list(self, limit: int = 100, *, queue: str = "", task: str = "", prefix: str = "") -> list[DelayedTask]:
        """The next tasks due, at most `limit` of them: of a queue, of a task's name, of ids that begin alike."""
        return list(islice(self.iterate(queue=queue, task=task, prefix=prefix), limit))

    def iterate(self, *, queue: str = "", task: str = "", prefix: str = "") -> Iterator[DelayedTask]:
        """All of them, a page at a time, in the order in which they are due; with a `prefix`, in that of the ids."""
        after = ""
        while True:
            page = self._store().run(c.Delayed(queue, prefix, after, _PAGE))
            found = map(_read, page.messages)
            yield from (delayed for delayed in found if task in ("", delayed.task))
            if not page.after:
                return
            after = page.after

    def get(self, id: str) -> DelayedTask | None:
        """One delayed task, or None."""
        message = find_delayed(self._store().run, id)
        return None if message is None else _read(message)

    def change(
        self,
        id: str,
        *,
        countdown: float | None = None,
        eta: datetime | None = None,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        queue: str | None = None,
    ) -> bool:
        """Change when a delayed task runs, with which arguments, and in which queue; whether it was still there.

        `countdown` is in seconds from now on the store's clock, `eta` an instant (UTC where it has no zone).
        Raises `MalformedMessage` when the arguments that are there cannot be read.
        """
        delayed = self.get(id)
        if delayed is None:
            return False
        now = self._clock.now()
        if eta is not None:
            countdown = (eta if eta.tzinfo else eta.replace(tzinfo=UTC)).timestamp() - now
        raw = edit.with_arguments(delayed.raw, args, kwargs)
        if countdown is not None:
            raw = edit.due_at(raw, now + countdown)
        delay = None if countdown is None else int(countdown * 1000)
        adjustment = c.Adjustment(delayed.id, delay, None if raw is delayed.raw else raw, queue)
        return self._store().run(c.AdjustDelayed((adjustment,)))[0]

    def cancel(self, id: str) -> bool:
        """Drop a delayed task, which ends as REVOKED; whether it was still there."""
        delayed = self.get(id)
        return delayed is not None and bool(self._cancel([delayed]))

    def cancel_all(
        self,
        *,
        queue: str = "",
        task: str = "",
        prefix: str = "",
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Cancel all that match; how many that were. `progress` is called with the count so far."""
        found, count = self.iterate(queue=queue, task=task, prefix=prefix), 0
        for some in iter(lambda: list(islice(found, _PAGE)), []):
            count += self._cancel(some)
            if progress is not None:
                progress(count)
        return count

    def _cancel(self, some: Sequence[DelayedTask]) -> int:
        store, now = self._store(), self._clock.now()
        ends = ((each, document.write_revoked(each.task_id, "revoked", now)) for each in some)
        cancellations = (c.Cancellation(each.id, each.task_id, store.format.put(end)) for each, end in ends)
        return sum(store.run(c.CancelDelayed(tuple(cancellations))))


def _read(message: c.DelayedMessage) -> DelayedTask:
    """A delayed message as a person sees it; one that cannot be read has no name."""
    try:
        headers = wire.read_headers(message.raw)
        task_id, task = headers.id, headers.task
    except MalformedMessage:
        task_id, task = message.id, ""
    due = utc_datetime(message.due / 1000)
    return DelayedTask(message.id, task_id, task, message.queue, message.priority, due, message.raw)
