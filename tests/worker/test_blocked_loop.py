"""A plain call blocks the event loop of a child: coroutines behind it begin elsewhere, and it is told of."""

from __future__ import annotations

import time

import pytest

from celeriac.result import gather
from tests.worker.ledger import wait_until
from tests.worker.scene import Scene, open_gate

pytestmark = pytest.mark.slow


def test_coroutines_begin_in_another_child(scene: Scene) -> None:
    gate = scene.new_gate()
    worker = scene.ready_worker(3)
    gather([scene.send("slow_async", 1000 + number, 0.0) for number in range(6)], timeout=10)
    blocking = scene.send("block_loop", 1, str(gate))
    scene.ledger.wait_for_starts(1, 1)
    sent: dict[int, int] = {}
    results = []
    for number in range(2, 40):
        sent[number] = time.monotonic_ns()
        results.append(scene.send("slow_async", number, 0.2))
        time.sleep(0.02)  # a steady load: many while others run, and the child that is blocked has free places
    assert gather(results, timeout=5) == list(range(2, 40))
    assert not blocking.ready()
    delays = sorted((record.when - sent[record.task]) / 1e6 for record in scene.ledger.starts(*sent))
    assert len(delays) == len(sent)
    assert delays[len(delays) // 2] < 100
    wait_until(lambda: worker.said("has blocked the event loop"), 5, "word of the block")
    open_gate(gate)
    assert blocking.get(timeout=10) == 1
    told = [line for line in worker.log.read_text().splitlines() if "has blocked the event loop" in line]
    assert len(told) == 1
    assert f"Task block_loop[{blocking.id}]" in told[0]
    assert worker.said("with open(fifo)")
    assert gather([scene.send("slow_async", 100 + number, 0.0) for number in range(10)], timeout=10)
    assert worker.stop() == 0


def test_where_all_loops_are_blocked_another_worker_helps(scene: Scene) -> None:
    gate = scene.new_gate()
    first = scene.ready_worker(1)
    blocking = scene.send("block_loop", 1, str(gate))
    scene.ledger.wait_for_starts(1, 1)
    behind = [scene.send("slow_async", number, 0.0) for number in range(2, 12)]
    other = scene.ready_worker(1)
    assert gather(behind, timeout=10) == list(range(2, 12))
    assert {record.worker for record in scene.ledger.starts(*range(2, 12))} == {other.number}
    open_gate(gate)
    assert blocking.get(timeout=10) == 1
    assert [first.stop(), other.stop()] == [0, 0]
