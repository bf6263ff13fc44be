"""A task that runs at most once: whatever dies, it never starts again, and it never vanishes."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from celeriac.exceptions import WorkerLostError
from celeriac.result import gather
from celeriac.stores import contract as c
from celeriac.worker.core.pace import FRAME_TASKS
from tests.worker.process import Worker
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


def test_a_child_that_dies_costs_one_of_a_frame(scene: Scene) -> None:
    worker = scene.ready_worker(2)
    results = scene.send_many("once", [(number, 0.0005) for number in range(1500)])
    scene.ledger.wait_for_starts(300)
    os.kill(child_of(worker), signal.SIGKILL)
    failed = [result for result in results if isinstance(result.get(timeout=30, propagate=False), WorkerLostError)]
    assert len(failed) <= 1
    starts = Counter(record.task for record in scene.ledger.starts())
    assert sorted(starts) == list(range(1500))
    assert set(starts.values()) == {1}
    assert {letter.id for letter in scene.app.store.run(c.DeadLetters())} == {result.id for result in failed}
    assert worker.stop() == 0


def test_a_worker_that_dies_costs_no_more_than_its_frames(scene: Scene) -> None:
    worker = scene.ready_worker(2)
    results = scene.send_many("once", [(number, 0.0005) for number in range(1500)])
    scene.ledger.wait_for_starts(300)
    os.kill(worker.core, signal.SIGKILL)
    worker.wait()
    other = scene.ready_worker(2)
    failed = [result for result in results if isinstance(result.get(timeout=30, propagate=False), WorkerLostError)]
    # Two children, each with a frame that is unreported, one that is under way, and the next.
    assert len(failed) <= 2 * 3 * FRAME_TASKS
    assert set(Counter(record.task for record in scene.ledger.starts()).values()) == {1}
    assert {letter.id for letter in scene.app.store.run(c.DeadLetters())} == {result.id for result in failed}
    assert other.stop() == 0


def test_what_was_marked_and_taken_back_runs_elsewhere(scene: Scene) -> None:
    """A warm stop in the middle of frames: nothing fails, and nothing runs twice."""
    worker = scene.ready_worker(2)
    results = scene.send_many("once", [(number, 0.001) for number in range(600)])
    scene.ledger.wait_for_starts(100)
    assert worker.stop() == 0
    assert scene.claimed() == 0
    other = scene.ready_worker(2)
    assert gather(results, timeout=30) == list(range(600))
    assert set(Counter(record.task for record in scene.ledger.starts()).values()) == {1}
    assert other.stop() == 0
