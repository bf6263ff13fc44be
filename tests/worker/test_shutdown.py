"""SIGTERM: claim nothing more, give the unstarted back at once, let the running finish."""

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


def test_a_second_signal_changes_nothing(scene: Scene) -> None:
    gate = scene.new_gate()
    worker = scene.ready_worker(1)
    running = scene.send("gate", 0, str(gate))
    scene.ledger.wait_for_starts(1, 0)
    for _ in range(3):
        worker.tell(signal.SIGTERM)
    open_gate(gate)
    assert running.get(timeout=10) == 0
    assert worker.wait() == 0
