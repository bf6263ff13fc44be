"""A warm stop: claim nothing more, give the unstarted back at once, let the running finish."""

from __future__ import annotations

import signal
import time

import pytest

from celeriac.result import gather
from tests.worker.ledger import wait_until
from tests.worker.scene import Scene, open_gate

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_runs_ends_and_the_rest_goes_back(scene: Scene, number: signal.Signals) -> None:
    gate = scene.new_gate()
    worker = scene.ready_worker(1)
    running = scene.send("gate", 0, str(gate))
    scene.ledger.wait_for_starts(1, 0)
    waiting = scene.send_many("quick", [(number,) for number in range(1, 100)])
    told = time.monotonic()
    worker.tell(number)
    wait_until(lambda: worker.said("stopping: nothing new"), 1, "word of the stop")
    wait_until(lambda: scene.waiting() == 99, 1, "return of what had not begun")
    assert time.monotonic() - told < 1
    open_gate(gate)
    assert running.get(timeout=10) == 0
    assert worker.wait() == 0
    assert scene.leases() == set()
    assert len(scene.ledger.starts()) == 1
    scene.ready_worker(1)
    assert gather(waiting, timeout=20) == list(range(1, 100))
    assert len(scene.ledger.starts()) == 100


def test_a_batch_that_was_handed_over_goes_back_too(scene: Scene) -> None:
    """A child in the middle of a frame ends its task; the tail of the frame never begins there."""
    worker = scene.ready_worker(2)
    results = scene.send_many("slow", [(number, 0.004) for number in range(500)])
    scene.ledger.wait_for_starts(100)
    assert worker.stop() == 0
    begun = len(scene.ledger.starts())
    assert begun < 500
    assert len(scene.ledger.ends()) == begun
    assert scene.waiting() == 500 - begun
    scene.ready_worker(2)
    assert gather(results, timeout=20) == list(range(500))
    assert len(scene.ledger.starts()) == 500


def test_an_idle_worker_ends_at_once(scene: Scene) -> None:
    worker = scene.ready_worker(2)
    told = time.monotonic()
    assert worker.stop() == 0
    assert time.monotonic() - told < 2


def test_nothing_is_claimed_later_than_a_tenth_of_a_second_after_the_signal(scene: Scene) -> None:
    gate = scene.new_gate()
    worker = scene.ready_worker(2)
    scene.send_many("slow", [(number, 0.002) for number in range(3000)])
    scene.send_many("gate", [(9999, str(gate))])
    scene.ledger.wait_for_starts(200)
    told = time.monotonic()
    worker.tell(signal.SIGTERM)
    time.sleep(max(0.0, told + 0.1 - time.monotonic()))
    before = scene.waiting()
    while time.monotonic() < told + 1:
        now = scene.waiting()
        assert now >= before, f"{before - now} messages were claimed after the signal"
        before = now
    assert worker.wait() == 0
    assert scene.waiting() + len(scene.ledger.ends()) == 3001


def test_three_signals_of_one_moment_are_one(any_scene: Scene) -> None:
    """A Ctrl-C reaches the group, and whoever started the worker passes it on."""
    gate = any_scene.new_gate()
    worker = any_scene.ready_worker(1)
    running = any_scene.send("gate", 0, str(gate))
    any_scene.ledger.wait_for_starts(1, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        worker.tell(number)
        time.sleep(0.003)
    wait_until(lambda: worker.said("stopping"), 5, "word of the stop")
    time.sleep(0.3)
    open_gate(gate)
    assert running.get(timeout=10) == 0
    assert worker.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_disturbs_no_task(any_scene: Scene, number: signal.Signals) -> None:
    """As a Ctrl-C in a terminal, and as a service that signals its whole control group."""
    worker = any_scene.ready_worker(2)
    plain = any_scene.send("slow", 1, 0.5)
    asynchronous = any_scene.send("slow_async", 2, 0.5)
    any_scene.ledger.wait_for_starts(2)
    worker.tell_all(number)
    assert plain.get(timeout=10) == 1
    assert asynchronous.get(timeout=10) == 2
    assert worker.wait() == 0
    assert len(any_scene.ledger.starts()) == 2


def test_a_task_can_still_end_what_it_started(any_scene: Scene) -> None:
    """Children outlive a SIGTERM; their programs do not inherit that."""
    gate = any_scene.new_gate()
    worker = any_scene.ready_worker(1)
    result = any_scene.send("helper", 1, str(gate))
    any_scene.ledger.wait_for_starts(1)
    worker.tell_all(signal.SIGINT)
    open_gate(gate)
    assert result.get(timeout=10) == -signal.SIGTERM
    assert worker.wait() == 0


def test_a_worker_that_imports_its_app_still_ends_at_once(any_scene: Scene) -> None:
    worker = any_scene.worker("-c", "1")
    wait_until(lambda: worker.core, 10, "core")
    assert worker.stop(5) == 0


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_told_to_stop_at_any_moment_of_its_start_it_ends(any_scene: Scene, pool: str) -> None:
    for moment in range(10):
        worker = any_scene.worker("-c", "1", "-P", pool)
        time.sleep(0.03 * moment)
        worker.tell(signal.SIGTERM)
        # The command itself, before it becomes a worker, ends as any other program.
        assert worker.wait(10) in (0, -signal.SIGTERM)
        assert not worker.said("Traceback")
