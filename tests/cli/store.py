"""What a test puts into the store of a project, past its commands."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from celeriac import Celeriac
from celeriac.calls.sender import Call
from celeriac.stores import contract as c
from celeriac.stores.open import absolute_url
from celeriac.testing.conformance.hand import Hand
from tests.cli.project import Project


@contextlib.contextmanager
def app_of(project: Project) -> Iterator[Celeriac]:
    """An app of the test's own on the store of a project."""
    with Celeriac("proj", broker=absolute_url(project.broker, str(project.folder))) as app:
        yield app


def bury(app: Celeriac, *calls: Call, **fields: Any) -> list[str]:
    """Set the messages of calls aside, with these fields of their letters; their ids."""
    ids, hand = [], Hand(app.store, "gravedigger")
    for call in calls:
        task_id, message = app.sender.message(call)
        app.store.run(c.Enqueue((c.Message(f"dig {task_id}", "digging", b"x"),)))
        [claim] = hand.claim(1, "digging")
        letter = c.DeadLetter(task_id, "celery", message.raw, **{"reason": "why", "task": call.task, **fields})
        hand.finish(c.Outcome(claim.id, task_id, dead=letter))
        ids.append(task_id)
    hand.close()
    return ids


@contextlib.contextmanager
def served(app: Celeriac) -> Iterator[None]:
    """Somebody serves the queue: on Redis, messages are held back only then."""
    lease = c.Lease("served", "epoch")
    app.store.run(c.OpenLease(lease, c.WorkerRecord(queues=("celery",))))
    yield
    app.store.run(c.CloseLease(lease))
