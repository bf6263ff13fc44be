"""A child that dies takes nothing along but the task it was running, and only that task is charged."""

from __future__ import annotations

import os
import signal
import time

import pytest

from celeriac.exceptions import OperationalError, WorkerLostError
from celeriac.result import gather
from celeriac.stores import contract as c
from tests.worker.ledger import Ledger, Record, wait_until
from tests.worker.process import Worker
from tests.worker.scene import Scene, open_gate

pytestmark = pytest.mark.slow


def running(ledger: Ledger) -> list[Record]:
    """The beginnings without an end."""
    ended = {(record.task, record.pid) for record in ledger.ends()}
    return [record for record in ledger.starts() if (record.task, record.pid) not in ended]


def test_work_of_a_killed_child_goes_on_at_once(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.send_many("slow", [(number, 0.002) for number in range(1500)])
    scene.ready_worker(2)
    delays = []
    for round in range(1, 5):
        victim = scene.ledger.wait_for_starts(round * 250)[-1].pid
        killed = time.monotonic_ns()
        os.kill(victim, signal.SIGKILL)
        scene.ledger.wait_for_starts(round * 250 + 200)
        for lost in [record for record in running(scene.ledger) if record.pid == victim]:
            again = next(record for record in scene.ledger.starts(lost.task) if record.when > killed)
            assert (lost.extra, again.extra) == (0, 1)
            delays.append((again.when - killed) / 1e6)
    scene.ledger.wait_for_ends(1500)
    starts = scene.ledger.starts()
    assert {record.task for record in scene.ledger.ends()} == set(range(1500))
    assert len(starts) <= 1500 + 4
    assert all(record.extra == 0 for record in starts if len(scene.ledger.starts(record.task)) == 1)
    with capsys.disabled():
        print(f"\n  what a killed child was running began again after {', '.join(f'{ms:.0f} ms' for ms in delays)}")
    assert max(delays) < 1000


def test_three_deaths_in_one_task_set_it_aside_and_spare_its_neighbours(scene: Scene) -> None:
    poison, *others = scene.send_many("die", [(0,)]) + scene.send_many("quick", [(number,) for number in range(1, 200)])
    scene.ready_worker(2)
    assert gather(others, timeout=20) == list(range(1, 200))
    with pytest.raises(WorkerLostError, match=r"signal 9 \(SIGKILL\); deaths: 3"):
        poison.get(timeout=20)
    assert [record.extra for record in scene.ledger.starts(0)] == [0, 1, 2]
    neighbours = [record for record in scene.ledger.starts() if record.task]
    assert len(neighbours) == 199
    assert not any(record.extra for record in neighbours)
    (letter,) = scene.app.store.run(c.DeadLetters())
    assert letter.id == poison.id
    assert "signal 9" in letter.reason


def stop_between_transactions(scene: Scene, worker: Worker) -> None:
    """Freeze a worker at a moment at which it keeps nobody else from writing to the store."""
    while True:
        worker.tell_all(signal.SIGSTOP)
        try:
            scene.app.store.run(c.Forget(()), deadline=0.5)
            # It may have stood in line for the lock, and have got it from the one just now.
            scene.app.store.run(c.Forget(()), deadline=0.5)
        except OperationalError:
            worker.tell_all(signal.SIGCONT)
        else:
            return


def test_poison_in_the_middle_of_a_batch(scene: Scene) -> None:
    """The batch is handed over whole: its tail must return from the dead child uncharged."""
    scene.send_many("quick", [(number,) for number in range(1000, 1300)])
    worker = scene.ready_worker(1)
    scene.ledger.wait_for_ends(300)
    stop_between_transactions(scene, worker)
    before = scene.send_many("quick", [(number,) for number in range(1, 20)])
    poison = scene.send("die", 0)
    after = scene.send_many("quick", [(number,) for number in range(20, 64)])
    worker.tell_all(signal.SIGCONT)
    assert gather(before + after, timeout=20) == list(range(1, 64))
    with pytest.raises(WorkerLostError):
        poison.get(timeout=20)
    neighbours = [record for record in scene.ledger.starts() if 0 < record.task < 64]
    assert len(neighbours) == 63
    assert not any(record.extra for record in neighbours)


def test_a_child_that_crashes_is_replaced_and_the_log_names_the_signal(scene: Scene) -> None:
    gate = scene.new_gate()
    worker = scene.ready_worker(1)
    (child,) = worker.children
    result = scene.send("gate", 1, str(gate))
    scene.ledger.wait_for_starts(1, 1)
    os.kill(child, signal.SIGABRT)
    first, second = scene.ledger.wait_for_starts(2, 1)
    assert (first.pid, first.extra, second.extra) == (child, 0, 1)
    open_gate(gate)
    assert result.get(timeout=10) == 1
    wait_until(lambda: worker.said("signal 6 (SIGABRT)"), 5, "line in the log")
