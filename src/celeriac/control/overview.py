"""One look at everything: workers and what they run, queues, the newest dead letters."""

from __future__ import annotations

from msgspec import Struct

from celeriac.clock import SYSTEM_CLOCK, Clock
from celeriac.control.queues import Queues, QueueState
from celeriac.control.workers import Run, WorkerView, look_at_workers
from celeriac.store import contract as c

__all__ = ["LetterView", "Overview", "QueueView", "Run", "WorkerView", "look"]

LETTERS = 50
_LETTERS_BYTES = 1 << 20


class QueueView(QueueState, frozen=True):
    """A queue, with messages a second that came in and that workers took out, where that is known."""

    rate_in: float | None = None
    rate_out: float | None = None


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
    return Overview(clock.now(), clock.monotonic(), look_at_workers(store), tuple(queues), tuple(map(_letter, found)))


def _queue(state: QueueState) -> QueueView:
    return QueueView(**{name: getattr(state, name) for name in state.__struct_fields__})


def _letter(letter: c.DeadLetter) -> LetterView:
    return LetterView(
        letter.id, letter.when, letter.cause, letter.signal, letter.task, letter.queue, letter.reason.strip()
    )
