"""Documents as workers write them, without a worker."""

from __future__ import annotations

import time

from celeriac import Celeriac
from celeriac.message import document, values
from celeriac.stores import contract as c


class Writer:
    """Writes documents the way a worker does: as ends of claims."""

    def __init__(self, app: Celeriac) -> None:
        self._store = app.store
        self._lease = c.Lease("writer", "epoch")
        self._number = 1
        app.store.run(c.OpenLease(self._lease, c.WorkerRecord()))

    def write(self, task: str, data: bytes) -> None:
        self._store.run(c.Enqueue((c.Message(f"{task}:{self._number}", "writer", b"{}"),)))
        (claim,) = self._claim(()).claims
        self._claim((c.Outcome(claim.id, task, data),))

    def _claim(self, outcomes: tuple[c.Outcome, ...]) -> c.Finished:
        self._number += 1
        return self._store.run(c.Finish(self._lease, outcomes, ("writer",), not outcomes, first=self._number))


def succeeded(task, value):
    return document.write(task, "SUCCESS", values.encode(value), time.time())


def failed(task, error, trace=None):
    return document.write_failure(task, error, time.time(), trace)
