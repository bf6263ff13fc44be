"""One look at everything: workers and what they run, queues, the newest dead letters."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from celeriac.clock import SYSTEM_CLOCK, Clock
from celeriac.control.queues import Queues, QueueState
from celeriac.control.workers import Run, WorkerView, look_at_workers
from celeriac.stores import contract as c
from celeriac.stores.contract.runtimes import added, quantile

__all__ = ["LetterView", "Overview", "QueueView", "Run", "WorkerView", "look"]

LETTERS = 50
_LETTERS_BYTES = 1 << 20


class QueueView(QueueState, frozen=True):
    """A queue, with messages a second that came in and that workers took out, where that is known."""

    rate_in: float | None = None
    rate_out: float | None = None


class TaskView(Struct, frozen=True):
    """A task over all workers: how many of it ended, and failed, since each worker opened its lease; a second, too.

    `p50` and `p95` are the run times, in seconds, that so many of a hundred runs did not exceed, right to about an
    eighth; `runtimes` has them by buckets. Where there is an earlier look, rates and run
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
    workers = look_at_workers(store)
    tasks = _tasks(workers)
    return Overview(clock.now(), clock.monotonic(), workers, tasks, tuple(queues), tuple(map(_letter, found)))


def _tasks(workers: Iterable[WorkerView]) -> tuple[TaskView, ...]:
    """What all workers have counted of each task."""
    found: dict[str, TaskView] = {}
    for worker in workers:
        for name, told in worker.tasks.items():
            known = found.get(name) or TaskView(name, 0, 0, {})
            buckets = added(known.runtimes, told.runtimes)
            found[name] = TaskView(name, known.done + told.done, known.failed + told.failed, buckets)
    return tuple(timed(found[name], found[name].runtimes) for name in sorted(found))


def timed(task: TaskView, runtimes: dict[int, int]) -> TaskView:
    """The task with quantiles of these run times."""
    p50, p95 = quantile(runtimes, 0.5), quantile(runtimes, 0.95)
    return msgspec.structs.replace(task, p50=p50, p95=p95)


def _queue(state: QueueState) -> QueueView:
    return QueueView(**{name: getattr(state, name) for name in state.__struct_fields__})


def _letter(letter: c.DeadLetter) -> LetterView:
    return LetterView(
        letter.id, letter.when, letter.cause, letter.signal, letter.task, letter.queue, letter.reason.strip()
    )
