"""A task that runs at most once: whatever dies, it never starts again, and it never vanishes."""

from __future__ import annotations

import os
import signal

import pytest

from celeriac.exceptions import WorkerLostError
from celeriac.store import contract as c
from tests.worker.processes import Worker
from tests.worker.scene import Scene

pytestmark = pytest.mark.slow


def child_of(worker: Worker) -> int:
    """The pid of its first child."""
    return worker.children[0]


VICTIMS = {
    "child": child_of,
    "zygote": lambda worker: worker.zygote,
    "core": lambda worker: worker.core,
    "launcher": lambda worker: worker.launcher,
}


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_task_that_may_run_once_fails_when_what_runs_it_dies(scene: Scene, victim: str) -> None:
    worker = scene.ready_worker(1)
    result = scene.send("once", 1, 5.0)
    unstarted = scene.send("once", 2, 0.0)
    scene.ledger.wait_for_starts(1, 1)
    os.kill(VICTIMS[victim](worker), signal.SIGKILL)
    if victim in ("core", "launcher"):
        worker.wait()
        scene.ready_worker(1)
    with pytest.raises(WorkerLostError):
        result.get(timeout=20)
    assert unstarted.get(timeout=20) == 2
    assert len(scene.ledger.starts(1)) == 1
    assert len(scene.ledger.starts(2)) == 1
    (letter,) = scene.app.store.run(c.DeadLetters())
    assert letter.id == result.id
