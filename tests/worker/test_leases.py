"""A worker in contact with its store keeps what it holds, whatever its tasks do to the interpreter."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from celeriac.result import gather
from tests.worker.process import Worker, freeze, is_alive
from tests.worker.scene import Scene

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

LEASE = 1.6


@pytest.fixture
def scene(redis_url: str, tmp_path: Path) -> Iterator[Scene]:
    """On Redis, where leases end by time, with a short one."""
    with Scene(redis_url, tmp_path, lease=LEASE) as scene:
        yield scene


def longest_gap(worker: Worker) -> float:
    """What a worker says of its heartbeats at its end, in seconds."""
    assert worker.stop() == 0
    found = re.search(rb"at most ([0-9.]+) s between heartbeats", worker.log.read_bytes())
    assert found is not None
    return float(found[1])


def test_tasks_ten_leases_long_that_hold_the_interpreter_start_once(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = scene.ready_worker(2, "-l", "DEBUG")
    results = [scene.send("hold_lock", number, 10 * LEASE) for number in range(2)]
    scene.ledger.wait_for_starts(2)
    onlooker = scene.ready_worker(1)
    assert gather(results, timeout=30) == [0, 1]
    assert len(scene.ledger.starts()) == 2
    assert len(scene.leases()) == 2
    gap = longest_gap(worker)
    with capsys.disabled():
        print(
            f"\n  lease {LEASE} s, a heartbeat each {LEASE / 4} s, two children holding the GIL: gaps up to {gap:.3f} s"
        )
    assert gap < LEASE / 2
    assert not onlooker.said("is dead")


def test_a_core_that_is_frozen_for_half_a_lease_is_not_robbed(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """The freezes follow each other, so that a watcher that did not start anew would lose patience."""
    worker = scene.ready_worker(2, "-l", "DEBUG")
    results = [scene.send("hold_lock", 0, 8 * LEASE), scene.send("slow", 1, 8 * LEASE)]
    scene.ledger.wait_for_starts(2)
    onlooker = scene.ready_worker(1)
    for _ in range(6):
        freeze(worker.core)
        time.sleep(LEASE / 2)
        worker.tell_all(signal.SIGCONT)
        time.sleep(LEASE / 2)
    assert gather(results, timeout=30) == [0, 1]
    assert len(scene.ledger.starts()) == 2
    gap = longest_gap(worker)
    with capsys.disabled():
        print(f"\n  lease {LEASE} s, core frozen for half of it: gaps of up to {gap:.3f} s")
    assert LEASE / 2 < gap < LEASE
    assert not onlooker.said("is dead")


def test_heartbeats_go_on_while_large_messages_pass(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    worker = scene.ready_worker(2, "-l", "DEBUG")
    data = "x" * 2_000_000
    results = scene.send_many("large", [(number, data, len(data)) for number in range(40)])
    assert all(result == data for result in gather(results, timeout=60))
    assert len(scene.ledger.starts()) == 40
    assert is_alive(worker.core)
    gap = longest_gap(worker)
    with capsys.disabled():
        print(f"\n  lease {LEASE} s, 40 messages and results of 2 MB: gaps of up to {gap:.3f} s between heartbeats")
    assert gap < LEASE * 0.75
