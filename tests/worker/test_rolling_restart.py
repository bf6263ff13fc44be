"""Workers are replaced one after the other under load: nothing runs twice, nothing is lost."""

from __future__ import annotations

import signal
import time
from collections import Counter
from typing import Any

import pytest

from celeriac.result import AsyncResult, gather
from tests.worker.scene import Scene

pytestmark = pytest.mark.slow

RESTARTS = 20
A_ROUND = 300


def send_round(scene: Scene, first: int) -> list[AsyncResult[Any]]:
    """Tasks of three kinds, numbered from `first` on."""
    numbers = range(first, first + A_ROUND)
    kinds = {"slow": numbers[:200], "slow_async": numbers[200:290], "once": numbers[290:]}
    return [
        result for task, share in kinds.items() for result in scene.send_many(task, [(each, 0.004) for each in share])
    ]


@pytest.mark.timeout(120)
def test_twenty_restarts_of_three_workers(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    results: list[AsyncResult[Any]] = []
    workers = [scene.ready_worker(1) for _ in range(3)]
    for round in range(RESTARTS):
        workers.append(scene.ready_worker(1))
        # On a busy machine the workers may be done before this process comes to look.
        while not scene.waiting():
            results += send_round(scene, len(results))
        oldest = workers.pop(0)
        oldest.tell(signal.SIGTERM)
        if round % 2:
            oldest.wait()
    assert sorted(gather(results, timeout=60)) == list(range(len(results)))
    codes = {worker.number: worker.wait() for worker in scene.workers[:RESTARTS]}
    bad = [number for number, code in codes.items() if code]
    assert not bad, f"{codes}\n" + "\n".join((scene.folder / f"worker{number}.log").read_text() for number in bad)
    starts = Counter(record.task for record in scene.ledger.starts())
    assert len(starts) == len(results)
    assert set(starts.values()) == {1}
    with capsys.disabled():
        print(f"\n  {RESTARTS} restarts, {len(results)} tasks, {time.monotonic() - began:.1f} s")
