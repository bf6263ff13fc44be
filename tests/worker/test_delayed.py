"""Delayed tasks wait in the store: two hundred thousand of them cost a worker nothing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from celeriac.calls.sender import Call
from celeriac.exceptions import TaskRevokedError
from celeriac.stores import contract as c
from tests.worker.scene import Scene

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

MANY = 200_000
HOUR = 3600.0


def resident(pid: int) -> int:
    """The memory of a process, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def test_many_delayed_tasks_cost_the_worker_nothing(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    worker = scene.ready_worker(1)
    assert scene.send("quick", 0).get(timeout=10) == 0
    before = resident(worker.core)
    calls = (Call(task="quick", args=(number,), countdown=HOUR, task_id=f"late-{number}") for number in range(MANY))
    scene.app.sender.send(calls)
    (row,) = scene.app.store.run(c.Stats(("celery",)))
    assert (row.delayed, row.ready, row.claimed) == (MANY, 0, 0)

    sent = time.monotonic()
    soon = scene.send("quick", 1, countdown=2.0)
    assert soon.get(timeout=10) == 1
    waited = scene.ledger.starts(1)[0].when / 1e9 - sent
    assert 2.0 <= waited < 3.0

    assert scene.app.delayed.cancel("late-7")
    with pytest.raises(TaskRevokedError):
        scene.app.AsyncResult("late-7").get(timeout=5)
    assert scene.app.delayed.change("late-8", countdown=0.0, args=(8_000,))
    assert scene.app.AsyncResult("late-8").get(timeout=10) == 8_000
    assert [delayed.task_id for delayed in scene.app.delayed.list(2, prefix="late-19999")] == [
        "late-19999",
        "late-199990",
    ]

    (row,) = scene.app.store.run(c.Stats(("celery",)))
    assert row.delayed == MANY - 2
    grown = resident(worker.core) - before
    with capsys.disabled():
        print(f"\n  {MANY:,} delayed tasks: the core grew by {grown} KiB; 2 s of countdown took {waited:.3f} s")
    assert grown < 8 << 10
    assert scene.ledger.starts(7) == []
