"""Signals to a worker that is one process: heard whatever the task does, and none of what it forks."""

from __future__ import annotations

import signal

import pytest

from tests.worker.ledger import wait_until
from tests.worker.scene import Scene, open_gate

pytestmark = pytest.mark.slow


@pytest.fixture
def solo(any_scene: Scene) -> Scene:
    any_scene.ready_worker(0, "-P", "solo")
    return any_scene


def test_a_signal_is_heard_during_a_call_that_no_handler_interrupts(solo: Scene) -> None:
    (worker,) = solo.workers
    solo.send("crunch", 0, 50_000_000)
    solo.ledger.wait_for_starts(1, 0)
    worker.tell(signal.SIGTERM)
    wait_until(lambda: worker.said("stopping: nothing new"), 2, "word of the stop")
    assert not solo.ledger.ends()


def test_a_signal_is_heard_while_a_task_has_a_loop_that_listens_to_signals(solo: Scene) -> None:
    (worker,) = solo.workers
    gate = solo.new_gate()
    running = solo.send("own_loop", 0, str(gate))
    solo.ledger.wait_for_starts(1, 0)
    worker.tell(signal.SIGTERM)
    wait_until(lambda: worker.said("stopping: nothing new"), 5, "word of the stop")
    open_gate(gate)
    assert running.get(timeout=10) == 0
    assert worker.wait() == 0


@pytest.mark.parametrize("pool", ["solo", "prefork"])
def test_what_a_task_forks_ends_by_a_signal_and_the_worker_does_not(any_scene: Scene, pool: str) -> None:
    arguments = ("-P", pool) if pool == "solo" else ("-P", pool, "-c", "1")
    worker = any_scene.worker(*arguments)
    results = [any_scene.send("forker", number) for number in range(5)]
    for result in results:
        assert result.get(timeout=20) == [-signal.SIGTERM, -signal.SIGTERM]
    assert not worker.said("stopping")
    assert worker.stop() == 0


def test_a_signal_that_does_not_wake_the_main_thread_is_heard(solo: Scene) -> None:
    """As one that comes just before the main thread begins to wait for the next task."""
    (worker,) = solo.workers
    assert solo.send("self_signal", 1).get(timeout=20) == 1
    assert worker.wait(10) == 0
