"""One look at everything: workers and what they run, queues, the newest dead letters."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from celeriac.clock import SYSTEM_CLOCK, Clock
from celeriac.control.queues import Queues, QueueState
from celeriac.exceptions import MalformedMessage
from celeriac.message import task as wire
from celeriac.store import contract as c
from celeriac.store.runtimes import added, quantile

RUNS = 64
"""Of so many tasks of each worker the names are shown."""
LETTERS = 50
_LETTERS_BYTES = 1 << 20


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
    `held` counts the tasks in its hands, `runs` are the first of them: as many as it has `slots` run. `done`
    and `taken` (by queue) count from `since` on, when the lease was opened, in seconds after 1970; `rate` is done a
    second.
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
    rate: float | None = None


class QueueView(QueueState, frozen=True):
    """A queue, with messages a second that came in and that workers took out, where that is known."""

    rate_in: float | None = None
    rate_out: float | None = None


class TaskView(Struct, frozen=True):
    """A task over all workers: how many of it ended, and failed, since each worker opened its lease; a second, too.

    `p50` and `p95` are the run times, in seconds, that so many of a hundred runs did not exceed, right to about an
    eighth; `runtimes` has them by buckets (`celeriac.store.runtimes`). Where there is an earlier look, rates and run
    times are of what ended since.
    """

    name: str
    done: int
    failed: int
    runtimes: dict[int, int]
    p50: float | None = None
    p95: float | None = None
    rate: float | None = None
    rate_failed: float | None = None


class LetterView(Struct, frozen=True):
    """A dead letter in short; `when` in seconds after 1970."""

    id: str
    when: float
    cause: str
    signal: str
    task: str
    queue: str
    reason: str


class Overview(Struct, frozen=True):
    """Everything at one moment, `at` seconds after 1970 and `moment` on the looker's monotonic clock."""

    at: float
    moment: float
    workers: tuple[WorkerView, ...]
    tasks: tuple[TaskView, ...]
    queues: tuple[QueueView, ...]
    letters: tuple[LetterView, ...]

    @property
    def living(self) -> list[WorkerView]:
        """The workers that are there."""
        return [worker for worker in self.workers if worker.alive]


def look(store: c.Store, clock: Clock = SYSTEM_CLOCK, letters: int = LETTERS) -> Overview:
    """Read everything; no worker hears of it. Raises `OperationalError`.

    The store is asked several times: what moves meanwhile may be counted twice, or not at all.
    """
    queues = [_queue(state) for state in Queues(lambda: store, clock).list()]
    found = store.run(c.DeadLetters(letters, max_bytes=_LETTERS_BYTES)) if letters else ()
    sights = store.run(c.Survey(RUNS))
    workers = tuple(_worker(sight, store.lease_seconds) for sight in sights)
    tasks = _tasks(sight.tally for sight in sights)
    return Overview(clock.now(), clock.monotonic(), workers, tasks, tuple(queues), tuple(map(_letter, found)))


def look_at_workers(store: c.Store) -> tuple[WorkerView, ...]:
    """The workers alone."""
    return tuple(_worker(sight, store.lease_seconds) for sight in store.run(c.Survey(RUNS)))


def _worker(sight: c.WorkerSight, lease_seconds: float) -> WorkerView:
    peer, record = sight.peer, sight.peer.record
    quiet = sight.quiet / 1000 if peer.dead is None and sight.quiet >= 0 else None
    return WorkerView(
        *(peer.worker.rpartition("/")[0] or peer.worker, peer.worker),
        alive=not peer.dead and (quiet is None or quiet <= lease_seconds),
        quiet=quiet,
        host=record.host,
        pid=record.pid,
        since=record.opened,
        slots=record.slots,
        queues=record.queues,
        held=sight.held,
        runs=tuple(_runs(sight.holdings)),
        done=sight.tally.done,
        taken=sight.tally.taken,
    )


def _tasks(tallies: Iterable[c.Tally]) -> tuple[TaskView, ...]:
    """What all workers have counted of each task."""
    found: dict[str, TaskView] = {}
    for tally in tallies:
        for name, told in tally.tasks.items():
            known = found.get(name) or TaskView(name, 0, 0, {})
            buckets = added(known.runtimes, told.runtimes)
            found[name] = TaskView(name, known.done + told.done, known.failed + told.failed, buckets)
    return tuple(timed(found[name], found[name].runtimes) for name in sorted(found))


def timed(task: TaskView, runtimes: dict[int, int]) -> TaskView:
    """The task with quantiles of these run times."""
    p50, p95 = quantile(runtimes, 0.5), quantile(runtimes, 0.95)
    return msgspec.structs.replace(task, p50=p50, p95=p95)


def _runs(holdings: Iterable[c.Holding]) -> Iterable[Run]:
    for holding in holdings:
        since = holding.since / 1000 if holding.since else None
        try:
            headers = wire.read_headers(holding.raw)
        except MalformedMessage:
            yield Run(wire.read_id(holding.raw), "", holding.queue, since)
        else:
            attempt = 1 + headers.retries + headers.crashes + headers.losses
            yield Run(headers.id, headers.task, holding.queue, since, attempt)


def _queue(state: QueueState) -> QueueView:
    return QueueView(**{name: getattr(state, name) for name in state.__struct_fields__})


def _letter(letter: c.DeadLetter) -> LetterView:
    return LetterView(
        letter.id, letter.when, letter.cause, letter.signal, letter.task, letter.queue, letter.reason.strip()
    )
