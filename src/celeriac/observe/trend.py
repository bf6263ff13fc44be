"""Rates, from looks one after the other."""

from __future__ import annotations

from collections import deque

import msgspec

from celeriac.control.workers import WorkerView
from celeriac.observe.overview import Overview, QueueView, TaskView, timed
from celeriac.stores.contract.runtimes import added

WINDOW_SECONDS = 15.0
"""Over how long rates are taken. Workers tell what they have counted every few seconds."""
_LEAST_SECONDS = 0.5


class Trend:
    """Remembers the looks of the last seconds, and tells how fast things go since the oldest of them."""

    def __init__(self, window: float = WINDOW_SECONDS) -> None:
        self._window = window
        self._looks: deque[Overview] = deque()

    def rated(self, now: Overview) -> Overview:
        """This look with rates; without any while there is nothing to compare it with."""
        while self._looks and now.moment - self._looks[0].moment > self._window:
            self._looks.popleft()
        before = self._looks[0] if self._looks else None
        self._looks.append(now)
        if before is None or now.moment - before.moment < _LEAST_SECONDS:
            return now
        return compared(before, now)


def compared(before: Overview, now: Overview) -> Overview:
    """A look with the rates since an earlier one: pure.

    What a worker took before the earlier look and what one took that came or went in between is not counted. What
    came into a queue is what was taken out of it and what it grew by.
    """
    seconds = now.moment - before.moment
    earlier = {worker.lease: worker for worker in before.workers}
    taken: dict[str, int] = {}
    workers: list[WorkerView] = []
    for worker in now.workers:
        known = earlier.get(worker.lease)
        if known is not None:
            for name, count in worker.taken.items():
                taken[name] = taken.get(name, 0) + count - known.taken.get(name, 0)
            worker = msgspec.structs.replace(worker, rate=max(0, worker.done - known.done) / seconds)
        workers.append(worker)
    ready = {queue.queue: queue.ready for queue in before.queues}
    queues: list[QueueView] = []
    for queue in now.queues:
        out = max(0, taken.get(queue.queue, 0))
        came = max(0, out + queue.ready - ready.get(queue.queue, 0))
        queues.append(msgspec.structs.replace(queue, rate_in=came / seconds, rate_out=out / seconds))
    once = {task.name: task for task in before.tasks}
    tasks = [_since(once.get(task.name), task, seconds) for task in now.tasks]
    return msgspec.structs.replace(now, workers=tuple(workers), tasks=tuple(tasks), queues=tuple(queues))


def _since(before: TaskView | None, now: TaskView, seconds: float) -> TaskView:
    """A task with rates, and run times of what ended since the earlier look, or of all where nothing did."""
    before = before or TaskView(now.name, 0, 0, {})
    fresh = added(now.runtimes, before.runtimes, -1)
    return msgspec.structs.replace(
        timed(now, fresh or now.runtimes),
        rate=max(0, now.done - before.done) / seconds,
        rate_failed=max(0, now.failed - before.failed) / seconds,
    )
