"""Revocations and a busy worker: nothing revoked begins, and what runs ends only where that was asked for."""

from __future__ import annotations

import time

import pytest

from celeriac.exceptions import TaskRevokedError
from celeriac.result import gather
from celeriac.stores import contract as c
from tests.worker.ledger import wait_until
from tests.worker.scene import Scene, open_gate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


def test_what_was_revoked_before_a_worker_came_does_not_run(scene: Scene) -> None:
    results = scene.send_many("quick", [(number,) for number in range(300)])
    scene.app.control.revoke([result.id for result in results[::3]])
    scene.ready_worker(2)
    for number, result in enumerate(results):
        if number % 3:
            assert result.get(timeout=20) == number
        else:
            with pytest.raises(TaskRevokedError):
                result.get(timeout=20)
    assert not scene.ledger.starts(*range(0, 300, 3))


def test_what_waits_behind_a_long_task_does_not_begin_any_more(scene: Scene) -> None:
    """Wherever it is by then: in the child, in the worker's hands, or back in the queue."""
    gate = scene.new_gate()
    scene.ready_worker(2)
    first, last = scene.send("gate", 0, str(gate)), scene.send("slow", 50, 60.0)
    scene.ledger.wait_for_starts(2)
    behind = scene.send_many("quick", [(number,) for number in range(1, 40)])
    for result in behind:
        result.revoke()
    last.revoke(terminate=True)
    with pytest.raises(TaskRevokedError):
        last.get(timeout=10)  # and so the worker knows of all that were revoked before
    open_gate(gate)
    assert first.get(timeout=10) == 0
    for result in behind:
        with pytest.raises(TaskRevokedError):
            result.get(timeout=10)
    assert len(scene.ledger.starts()) == 2


def test_what_runs_goes_on_unless_it_is_to_be_terminated(scene: Scene) -> None:
    worker = scene.ready_worker(2)
    kept, ended = scene.send("slow", 1, 1.5), scene.send("slow", 2, 60.0)
    scene.ledger.wait_for_starts(2)
    kept.revoke()
    asked = time.monotonic()
    ended.revoke(terminate=True, signal="SIGKILL")
    with pytest.raises(TaskRevokedError, match="terminated"):
        ended.get(timeout=10)
    assert time.monotonic() - asked < 1.5, "a beat is 2.5 s: workers are told at once"
    assert kept.get(timeout=10) == 1
    wait_until(lambda: len(worker.children) == 2, 5, "the next child")
    assert scene.app.store.run(c.DeadLetters()) == ()
    assert len(scene.ledger.starts()) == 2


def test_a_task_tracked_and_revoked(scene: Scene) -> None:
    """Its start is in the store before it begins; nothing is left over whichever came first."""
    scene.ready_worker(2)
    for round in range(10):
        results = [scene.send("once", number, 0.0) for number in range(100 * round, 100 * round + 5)]
        for result in results[::2]:
            result.revoke()
        values = [result.get(timeout=10, propagate=False) for result in results]
        begun = [bool(scene.ledger.starts(number)) for number in range(100 * round, 100 * round + 5)]
        ended = [not isinstance(value, TaskRevokedError) for value in values]
        assert begun == ended, "what is REVOKED never began"
    (row,) = scene.app.store.run(c.Stats(("celery",)))
    assert (row.ready, row.claimed) == (0, 0)


def test_ten_thousand_revocations_cost_little(scene: Scene) -> None:
    scene.ready_worker(1)
    began = time.monotonic()
    scene.app.control.revoke([f"nobody-{number}" for number in range(10_000)])
    results = scene.send_many("quick", [(number,) for number in range(1000)])
    assert gather(results, timeout=20) == list(range(1000))
    assert time.monotonic() - began < 15
