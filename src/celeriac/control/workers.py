"""Workers as the store knows them, and whether any of them serves a queue."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from celeriac import states
from celeriac.calls.progress import from_meta
from celeriac.exceptions import MalformedMessage, OperationalError
from celeriac.message import document
from celeriac.message import task as wire
from celeriac.stores import contract as c

RUNS = 64
"""Of so many tasks of each worker the names are shown."""
_LOOK_SECONDS = 1.0
"""How long each look may take that is for a better message only."""
_DEPTH = 200
_NAMES = 3


class Run(Struct, frozen=True):
    """A task in a worker's hands since so many seconds after 1970; None where that is not known."""

    id: str
    task: str
    queue: str
    since: float | None
    attempt: int = 1


class WorkerView(Struct, frozen=True):
    """A worker under its lease.

    `alive` is false for one that is dead or has been silent for a whole lease; its claims are taken over soon, if
    others live. `quiet`: seconds since it told its figures last; None where it need not (the store sees deaths itself).
    `held` counts the tasks in its hands, `runs` are the first of them: as many as it has `slots` run. `done`, `taken`
    (by queue) and `tasks` (by name) count from `since` on, when the lease was opened, in seconds after 1970; `rate` is
    done a second.
    """

    name: str
    lease: str
    alive: bool
    quiet: float | None
    host: str
    pid: int
    since: float
    slots: int
    queues: tuple[str, ...]
    held: int
    runs: tuple[Run, ...]
    done: int
    taken: dict[str, int]
    tasks: dict[str, c.TaskCounters] = {}
    rate: float | None = None


def look_at_workers(store: c.Store) -> tuple[WorkerView, ...]:
    """All workers under a lease, and what they run."""
    return tuple(_worker(sight, store.lease_seconds) for sight in store.run(c.ListWorkers(RUNS)))


def _worker(sight: c.WorkerInfo, lease_seconds: float) -> WorkerView:
    peer, record = sight.peer, sight.peer.record
    quiet = sight.quiet / 1000 if peer.dead is None and sight.quiet >= 0 else None
    return WorkerView(
        *(peer.worker.rpartition("/")[0] or peer.worker, peer.worker),
        alive=not peer.dead and (quiet is None or quiet <= lease_seconds),
        quiet=quiet,
        host=record.host,
        pid=record.pid,
        since=record.opened,
        slots=sight.counters.slots or record.slots,
        queues=record.queues,
        held=sight.held,
        runs=tuple(_runs(sight.holdings)),
        done=sight.counters.done,
        taken=sight.counters.taken,
        tasks=sight.counters.tasks,
    )


def _runs(holdings: Iterable[c.HeldMessage]) -> Iterable[Run]:
    for holding in holdings:
        since = holding.since / 1000 if holding.since else None
        try:
            headers = wire.read_headers(holding.raw)
        except MalformedMessage:
            yield Run(wire.read_id(holding.raw), "", holding.queue, since)
        else:
            attempt = 1 + headers.retries + headers.crashes + headers.losses
            yield Run(headers.id, headers.task, holding.queue, since, attempt)


def progress_text(found: document.Document) -> str:
    """How far a running task says that it is: `40 %`, and its word about it; empty where it says nothing."""
    reached = None if found.status in states.READY_STATES else from_meta(found.result)
    if reached is None:
        return ""
    fraction = reached.fraction
    share = f"{reached.done:g} done" if fraction is None else f"{100 * fraction:.0f} %"
    return f"{share}: {reached.message}" if reached.message else share


def progress_of(store: c.Store, ids: Iterable[str]) -> dict[str, str]:
    """The same of tasks by their ids, of those that say something."""
    asked = tuple(ids)
    found = store.run(c.ReadResults(asked)) if asked else ()
    texts = {
        id: progress_text(store.format.read(data)) for id, data in zip(asked, found, strict=True) if data is not None
    }
    return {id: text for id, text in texts.items() if text}


class Served(Struct, frozen=True):
    """Who lives and serves what: the queues, each with the names of its workers, and the workers with their queues."""

    queues: dict[str, tuple[str, ...]]
    workers: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def others(self) -> str:
        """Who serves what instead, in short: `celery@vm serves celery`."""
        if not self.workers:
            return "no worker is there"
        told = [f"{name} serves {', '.join(queues)}" for name, queues in self.workers[:_NAMES]]
        more = len(self.workers) - len(told)
        return "; ".join(told) + (f"; {more} more serve others" if more else "")


def look_who_serves(store: c.Store, deadline: float | None = None) -> Served:
    """Who serves which queues. Raises `OperationalError`."""
    views = [_worker(sight, store.lease_seconds) for sight in store.run(c.ListWorkers(0), deadline=deadline)]
    living = tuple((view.name, view.queues) for view in views if view.alive)
    queues: dict[str, tuple[str, ...]] = {}
    for name, served in living:
        for queue in served:
            queues[queue] = (*queues.get(queue, ()), name)
    return Served(queues, living)


def celery_may_serve(store: c.Store) -> bool:
    """Whether workers of Celery are connected, or may be: what they serve nobody can see."""
    try:
        return store.kombu is not None and bool(store.kombu.consumers())
    except OperationalError:
        return True


def nobody_serves(store: c.Store, id: str) -> str:
    """Why a task that somebody waits for will not come: that no worker serves its queue. Empty where one does.

    It is empty, too, where that is not certain, and where the store does not answer soon. In the usual case, in which
    all that waits is served, the store is asked twice.
    """
    try:
        served = look_who_serves(store, _LOOK_SECONDS)
        waiting = {row.queue for row in store.run(c.Stats(), deadline=_LOOK_SECONDS) if row.ready}
        unserved = waiting - served.queues.keys()
        queue = _queue_of(store, id) if unserved else ""
        if queue not in unserved or celery_may_serve(store):
            return ""
    except OperationalError:
        return ""
    return f"no worker serves queue {queue} ({served.others})"


def _queue_of(store: c.Store, id: str) -> str:
    """The queue in which a task is ready, if it is among the first there."""
    for sighting in store.run(c.Locate(id, _DEPTH), deadline=_LOOK_SECONDS).ready:
        if wire.read_id(sighting.raw) == id:
            return sighting.queue
    return ""
