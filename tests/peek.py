"""Looking at what waits in queues without taking it."""

from __future__ import annotations

from celeriac.ids import new_epoch
from celeriac.message.task import TaskMessage, read_task
from celeriac.stores import contract as c


def waiting(store: c.Store, *queues: str) -> list[TaskMessage]:
    """The messages that are ready in these queues, the next one to be served first."""
    lease = c.Lease(f"peek-{new_epoch()}", new_epoch())
    store.run(c.OpenLease(lease, c.WorkerRecord()))
    found: list[c.Claim] = []
    while claims := store.run(c.Finish(lease, queues=queues, count=1000, first=len(found) + 1)).claims:
        found += claims
    store.run(c.CloseLease(lease))
    return [read_task(claim.raw) for claim in found]
