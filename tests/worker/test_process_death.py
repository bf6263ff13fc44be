"""Zygote, core, launcher: whichever dies, nothing is left behind and nothing is lost."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from celeriac.result import gather
from tests.worker.ledger import wait_until
from tests.worker.process import Worker, freeze, wait_gone, watch
from tests.worker.scene import Scene, open_gate

pytestmark = pytest.mark.slow

GONE_SECONDS = 0.1
AGAIN_SECONDS = 1.0
TAKEN_OVER_SECONDS = 1.0


def test_a_dead_zygote_is_replaced_and_what_its_children_had_returns(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = scene.ready_worker(2)
    results = scene.send_many("slow", [(number, 0.01) for number in range(400)])
    scene.ledger.wait_for_starts(50)
    zygote, children = worker.zygote, worker.children
    with watch(zygote, *children) as ends:
        killed = time.monotonic_ns()
        os.kill(zygote, signal.SIGKILL)
        wait_gone(ends, GONE_SECONDS)
    assert gather(results, timeout=20) == list(range(400))
    starts = scene.ledger.starts()
    pause = next(record.when for record in starts if record.pid not in children) - killed
    with capsys.disabled():
        print(f"\n  the first task after the kill of a zygote began after {pause / 1e6:.0f} ms")
    assert pause < AGAIN_SECONDS * 1e9
    for child in children:
        # What it was running when it was killed, and nothing else, began again.
        assert sum(record.pid == child and len(scene.ledger.starts(record.task)) > 1 for record in starts) <= 1
    assert {record.pid for record in starts[-2:]}.isdisjoint(children)
    assert worker.stop() == 0


def test_a_zygote_that_was_replaced_while_the_core_stood_still(scene: Scene) -> None:
    """The core hears of the end of the old one and of the new one in the same moment."""
    worker = scene.ready_worker(2)
    results = scene.send_many("slow", [(number, 0.01) for number in range(300)])
    scene.ledger.wait_for_starts(50)
    old, children = worker.zygote, worker.children
    freeze(worker.core)
    with watch(old, *children) as ends:
        os.kill(old, signal.SIGKILL)
        wait_gone(ends, GONE_SECONDS)
    wait_until(lambda: worker.zygote not in (0, old), 5, "new zygote")
    os.kill(worker.core, signal.SIGCONT)
    assert gather(results, timeout=20) == list(range(300))
    again = [record for record in scene.ledger.starts() if len(scene.ledger.starts(record.task)) > 1]
    assert len({record.task for record in again}) <= len(children)
    assert worker.stop() == 0


def test_a_child_and_its_zygote_die_in_the_same_moment(scene: Scene) -> None:
    worker = scene.ready_worker(2)
    results = scene.send_many("slow", [(number, 0.01) for number in range(600)])
    for round in range(1, 4):
        scene.ledger.wait_for_starts(round * 100)
        worker.wait_ready(2)
        os.kill(worker.children[0], signal.SIGKILL)
        time.sleep(0.01 * round)
        os.kill(worker.zygote, signal.SIGKILL)
    assert gather(results, timeout=20) == list(range(600))
    again = [record for record in scene.ledger.starts() if len(scene.ledger.starts(record.task)) > 1]
    assert len({record.task for record in again}) <= 3 * (2 + 1)
    assert worker.stop() == 0


@pytest.mark.parametrize("newcomer", ["taker", "victim"])
def test_the_work_of_a_dead_core_is_taken_over_within_a_second(
    scene: Scene, newcomer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever of the two has just been started: a lease as long as this one would still last many seconds."""
    gates = [scene.new_gate(name) for name in ("left", "right")]
    if newcomer == "victim":
        scene.ready_worker(2)
        for gate in gates:
            scene.send("gate", 9, str(gate))
        scene.ledger.wait_for_starts(2, 9)
    victim = scene.ready_worker(2)
    results = scene.send_many("slow", [(number, 4.0) for number in range(2)])
    scene.ledger.wait_for_starts(2, 0, 1)
    if newcomer == "victim":
        for gate in gates:
            open_gate(gate)
    else:
        scene.ready_worker(2)
    with watch(victim.zygote, *victim.children) as ends:
        killed = time.monotonic_ns()
        os.kill(victim.core, signal.SIGKILL)
        wait_gone(ends, GONE_SECONDS)
    assert victim.wait() != 0
    again = scene.ledger.wait_for_starts(4, 0, 1)[-1]
    assert again.worker != victim.number
    with capsys.disabled():
        print(f"\n  the last task of a dead worker began elsewhere after {(again.when - killed) / 1e6:.0f} ms")
    assert again.when - killed < TAKEN_OVER_SECONDS * 1e9
    assert gather(results, timeout=20) == [0, 1]


def test_a_worker_is_taken_over_by_one_that_starts_after_its_death(scene: Scene) -> None:
    first = scene.ready_worker(1)
    result = scene.send("slow", 1, 0.5)
    scene.ledger.wait_for_starts(1)
    first.end()
    started = time.monotonic()
    scene.ready_worker(1)
    assert result.get(timeout=20) == 1
    assert time.monotonic() - started < 5


def test_everything_ends_with_the_launcher(scene: Scene) -> None:
    worker = scene.ready_worker(2)
    scene.send_many("slow", [(number, 5.0) for number in range(2)])
    scene.ledger.wait_for_starts(2)
    with watch(worker.core, worker.zygote, *worker.children) as ends:
        worker.tell(signal.SIGKILL)
        wait_gone(ends, GONE_SECONDS)
    worker.wait()


def test_a_worker_whose_processes_all_die_at_once_is_taken_over(scene: Scene) -> None:
    """Nobody of its own is left to clean up."""
    other = scene.ready_worker(1)
    worker: Worker = scene.ready_worker(2)
    results = scene.send_many("slow", [(number, 0.3) for number in range(3)])
    scene.ledger.wait_for_starts(3)
    killed = time.monotonic_ns()
    worker.tell_all(signal.SIGKILL)
    assert gather(results, timeout=20) == [0, 1, 2]
    again = [record for record in scene.ledger.starts() if record.when > killed]
    assert {record.worker for record in again} <= {0}
    wait_until(lambda: len(scene.leases()) == 1, 5, "end of the dead worker's lease")
    assert other.stop() == 0


def test_workers_do_not_take_each_other_for_dead_when_their_lock_file_is_deleted(tmp_path: Path) -> None:
    with Scene(f"sqlite:///{tmp_path / 'tasks.db'}", tmp_path) as scene:
        first = scene.ready_worker(2)
        results = [scene.send("slow", number, 3.0) for number in range(2)]
        scene.ledger.wait_for_starts(2)
        (tmp_path / "tasks.db-lock").unlink()
        second = scene.ready_worker(2)
        results += scene.send_many("slow", [(number, 0.05) for number in range(2, 60)])
        assert gather(results, timeout=30) == list(range(60))
        assert len(scene.ledger.starts()) == 60
        assert len(scene.leases()) == 2
        for worker in (first, second):
            assert not worker.said("lease was lost")
            assert not worker.said("is dead")
        # And a death is still seen at once.
        results = [scene.send("slow", number, 0.5) for number in range(60, 64)]
        scene.ledger.wait_for_starts(64)
        killed = time.monotonic()
        first.tell_all(signal.SIGKILL)
        assert gather(results, timeout=20) == list(range(60, 64))
        assert time.monotonic() - killed < 5
        assert second.stop() == 0
