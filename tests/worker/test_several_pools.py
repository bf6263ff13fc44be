"""Pools side by side in one worker, and pools that change their size while they work."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from celeriac.result import AsyncResult, gather
from tests.worker.ledger import wait_until
from tests.worker.scene import Scene

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

APP = "tests.worker.pool_tasks"


def send_to(scene: Scene, queue: str, task: str, *arguments: Any) -> AsyncResult[Any]:
    return scene.send(task, *arguments, queue=queue)


def test_each_pool_serves_its_queues_with_its_own_children(scene: Scene) -> None:
    scene.ready_worker(3, "-c", "2", "-Q", "cpu", "--add-pool", "io:asyncio:50:io,mail", app=APP)
    plain = [send_to(scene, "cpu", "where", number) for number in range(50)]
    waits = [send_to(scene, queue, "anap", 100 + number, 0.5) for number in range(25) for queue in ("io", "mail")]
    assert len(set(gather(plain, timeout=20))) == 2
    gather(waits, timeout=20)
    assert len({record.pid for record in scene.ledger.starts(*range(100, 125))}) == 1
    began = {record.task: record.when for record in scene.ledger.starts(*range(100, 125))}
    first_end = min(record.when for record in scene.ledger.ends(*range(100, 125)))
    assert sum(when < first_end for when in began.values()) > 5, "they ran side by side"


def test_a_full_pool_leaves_the_others_alone(scene: Scene) -> None:
    scene.ready_worker(2, "-c", "1", "-Q", "slow", "--add-pool", "fast:prefork:1:fast", app=APP)
    long = [send_to(scene, "slow", "nap", number, 1.0) for number in range(3)]
    scene.ledger.wait_for_starts(1)
    for number in range(10, 15):
        assert send_to(scene, "fast", "where", number).get(timeout=0.9)
    assert not scene.ledger.ends(2)
    assert gather(long, timeout=20) == [0, 1, 2]


def test_what_comes_for_an_idle_pool_begins_while_another_waits(scene: Scene) -> None:
    """All pools wait at the store at once, whichever became idle last."""
    scene.ready_worker(2, "-c", "1", "-Q", "a", "--add-pool", "b:threads:2:b", app=APP)
    for round in range(10):
        queue = "ab"[round % 2]
        result = send_to(scene, queue, "where", round)
        result.get(timeout=5)
        (begun,) = scene.ledger.starts(round)
        assert begun.when
    gather([send_to(scene, "ab"[number % 2], "where", number) for number in range(100, 140)], timeout=20)


def test_a_queue_in_two_pools_is_refused(scene: Scene) -> None:
    worker = scene.worker("-c", "1", "-Q", "a", "--add-pool", "b:threads:2:a", app=APP)
    assert worker.wait() == 2
    assert worker.said("queue")


def test_a_pool_grows_and_shrinks_while_it_works(scene: Scene) -> None:
    worker = scene.ready_worker(1, app=APP)
    naps = [scene.send("nap", number, 0.3) for number in range(20)]
    scene.ledger.wait_for_starts(1)
    worker.tell(signal.SIGTTIN)
    wait_until(lambda: len(worker.children) == 2, 5, "second child")
    worker.tell(signal.SIGTTIN)
    wait_until(lambda: len(worker.children) == 3, 5, "third child")
    wait_until(lambda: len({record.pid for record in scene.ledger.starts()}) == 3, 5, "work in all of them")
    worker.tell(signal.SIGTTOU)
    wait_until(lambda: len(worker.children) == 2, 5, "end of one child")
    assert gather(naps, timeout=20) == list(range(20))
    assert len(scene.ledger.starts()) == 20, "nothing was disturbed"


def test_threads_become_more(scene: Scene) -> None:
    worker = scene.ready_worker(1, "-P", "threads", "-c", "1", app=APP)
    naps = [scene.send("nap", number, 0.5) for number in range(6)]
    scene.ledger.wait_for_starts(1)
    worker.tell(signal.SIGTTIN)
    assert gather(naps, timeout=20) == list(range(6))
    ends = {record.task: record.when for record in scene.ledger.ends()}
    starts = {record.task: record.when for record in scene.ledger.starts()}
    overlaps = sum(starts[a] < starts[b] < ends[a] for a in range(6) for b in range(6))
    assert overlaps >= 2, "two at once"
    assert len(scene.ledger.starts()) == 6
