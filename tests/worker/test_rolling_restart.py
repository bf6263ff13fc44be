"""Workers are replaced one after the other under load: nothing runs twice, nothing is lost."""

from __future__ import annotations

import signal
import time
from collections import Counter

import pytest

from celeriac.result import gather
from tests.worker.scene import Scene

pytestmark = pytest.mark.slow

RESTARTS = 20
A_ROUND = 300


@pytest.mark.timeout(120)
def test_twenty_restarts_of_three_workers(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    results = []
    workers = [scene.ready_worker(1) for _ in range(3)]
    for round in range(RESTARTS):
        workers.append(scene.ready_worker(1))
        numbers = range(round * A_ROUND, (round + 1) * A_ROUND)
        for task, share in (("slow", numbers[:200]), ("slow_async", numbers[200:290]), ("once", numbers[290:])):
            results += scene.send_many(task, [(number, 0.004) for number in share])
        oldest = workers.pop(0)
        assert scene.waiting()
        oldest.tell(signal.SIGTERM)
        if round % 2:
            assert oldest.wait() == 0
    assert sorted(gather(results, timeout=60)) == list(range(RESTARTS * A_ROUND))
    assert all(worker.wait() == 0 for worker in scene.workers[:RESTARTS])
    starts = Counter(record.task for record in scene.ledger.starts())
    assert len(starts) == len(results)
    assert set(starts.values()) == {1}
    with capsys.disabled():
        print(f"\n  {RESTARTS} restarts, {len(results)} tasks, {time.monotonic() - began:.1f} s")
