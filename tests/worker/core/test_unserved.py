"""What is said when a worker's own queues are empty and others have no worker."""

from __future__ import annotations

import asyncio

import pytest

from celeriac import Celeriac
from celeriac.stores import contract as c
from celeriac.worker.core.unserved import look_around, warning


def test_a_slip_of_the_pen_is_named():
    text = warning(["emials"], {"celery": 2, "emails": 1})
    assert text == (
        "nothing waits in emials, which is served here; celery (2 ready), emails (1 ready) have no worker; "
        "did you mean emails for emials?"
    )


def test_many_queues_are_counted():
    assert "and" not in warning(["mine"], {"other": 1})
    assert "2 others have no worker" in warning(["mine"], {f"{number}": 1 for number in range(7)})


def test_those_with_a_worker_are_not_named(caplog: pytest.LogCaptureFixture):
    app = Celeriac("unserved", broker="memory://")
    for queue in ("emails", "celery", "celery"):
        app.send_task("any", queue=queue)
    asyncio.run(look(app))
    assert caplog.messages == [warning(["emials"], {"emails": 1})]
    app.close()


async def look(app: Celeriac) -> None:
    """A slip, and twice a queue that is not empty, beside a worker that serves one of them."""
    session = await app.store.connect(c.Lease("one", "1"), 1)
    await session.call(c.OpenLease(c.Lease("one", "1"), c.WorkerRecord(queues=("celery",))))
    for queues in (("emials",), ("emails",), ("celery", "emails")):
        await look_around(session, queues)
    await session.close()
