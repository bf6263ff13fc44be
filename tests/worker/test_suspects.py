"""Who killed a child that ran many: the suspects run alone, and only the culprit is set aside."""

from __future__ import annotations

import pytest

from celeriac.exceptions import WorkerLostError
from celeriac.result import gather
from celeriac.stores import contract as c
from tests.worker.ledger import wait_until
from tests.worker.scene import Scene

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_a_poison_beside_others(scene: Scene, pool: str) -> None:
    """In one child with it: all are charged, none but the culprit pays."""
    scene.ready_worker(1, "-P", pool, "-c", "4" if pool == "threads" else "1")
    task = "slow" if pool == "threads" else "slow_async"
    neighbours = [scene.send(task, number, 1.0) for number in range(1, 4)]
    scene.ledger.wait_for_starts(3)
    poison = scene.send("die", 0)
    with pytest.raises(WorkerLostError, match=r"SIGKILL.*deaths: 3"):
        poison.get(timeout=20)
    assert gather(neighbours, timeout=20) == [1, 2, 3]
    assert [record.extra for record in scene.ledger.starts(0)] == [0, 1, 2]
    last = scene.ledger.starts(0)[-1]
    ended = {record.task for record in scene.ledger.ends(1, 2, 3) if record.when < last.when}
    beside = [record.task for record in scene.ledger.starts(1, 2, 3) if record.pid == last.pid]
    assert set(beside) <= ended, "it was alone"
    (letter,) = scene.app.store.run(c.DeadLetters())
    assert (letter.id, letter.signal) == (poison.id, "SIGKILL")


def test_work_goes_on_while_a_suspect_runs_alone(scene: Scene) -> None:
    scene.ready_worker(1, "-P", "threads", "-c", "2")
    poison = scene.send("die", 0)
    others = scene.send_many("slow", [(number, 0.05) for number in range(1, 60)])
    assert gather(others, timeout=30) == list(range(1, 60))
    with pytest.raises(WorkerLostError):
        poison.get(timeout=20)
    assert [letter.id for letter in scene.app.store.run(c.DeadLetters())] == [poison.id]


def test_a_dead_letter_tells_of_every_run(scene: Scene) -> None:
    worker = scene.ready_worker(1)
    scene.send("die", 0)
    wait_until(lambda: bool(scene.app.store.run(c.DeadLetters())), 20, "dead letter")
    (letter,) = scene.app.store.run(c.DeadLetters())
    assert (letter.cause, letter.task, letter.signal) == ("crashed", "die", "SIGKILL")
    assert letter.worker == f"w{worker.number}@here"
    assert 1 << 20 < letter.memory < 1 << 30
    assert len(letter.attempts) == 3
    assert all("SIGKILL" in attempt.error and attempt.worker == "w0@here" for attempt in letter.attempts)
    assert [attempt.when for attempt in letter.attempts] == sorted(attempt.when for attempt in letter.attempts)
