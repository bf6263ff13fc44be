"""The checker notices when a promise is broken: each scene is played by sound workers and by broken ones."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from celeriac.message import document
from celeriac.result import AsyncResult
from celeriac.stores import contract as c
from tests.chaos.check import Story, violations
from tests.chaos.faults import Fault, Kind
from tests.chaos.load import task_id
from tests.chaos.witness import RedisWitness
from tests.worker import ledger
from tests.worker.ledger import wait_until
from tests.worker.process import Worker, freeze
from tests.worker.scene import Scene
from tools.servers.redis import RedisServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

LEASE = 1.6


@pytest.fixture
def scene(redis_server: RedisServer, tmp_path: Path) -> Iterator[Scene]:
    """On a server of its own, with short leases."""
    with Scene(redis_server.url, tmp_path, lease=LEASE) as scene:
        yield scene


@pytest.fixture
def witness(redis_server: RedisServer) -> RedisWitness:
    """Of that server, before anything happens on it."""
    return RedisWitness(redis_server)


def worker(scene: Scene, mutant: str, *queues: str) -> Worker:
    """A worker with one child that serves these queues, ready; a broken one where a mutant is named."""
    options: dict[str, Any] = {"app": "tests.chaos.tasks"}
    if mutant:
        options |= {"module": "tests.chaos.mutants", "environment": {"TEST_MUTANT": mutant}}
    return scene.ready_worker(1, "-Q", ",".join(queues), **options)


def send(scene: Scene, number: int, seconds: float, queue: str) -> AsyncResult[list[int]]:
    """Enqueue a nap."""
    result = scene.send("nap", number, seconds, queue=queue, task_id=task_id(number))
    scene.ledger.note(ledger.Kind.ENQUEUED, number)
    return result


def story(scene: Scene, witness: RedisWitness, *faults: Fault) -> Story:
    """What there is to check, once all workers have ended."""
    records = scene.ledger.read()
    numbers = sorted({record.task for record in records if record.kind == ledger.Kind.ENQUEUED})
    documents = scene.app.store.run(c.ReadResults(tuple(task_id(number) for number in numbers)))
    results = {
        number: tuple(document.read(data).result)
        for number, data in zip(numbers, documents, strict=True)
        if data is not None and c.is_final(data)
    }
    finals = Counter({int(id.rpartition("-")[2]): count for id, count in witness.finals().items()})
    return Story(records, list(faults), finals, results, witness.left_over(), LEASE)


@pytest.mark.parametrize("mutant", ["", "no_fence"])
def test_a_result_from_a_lost_lease(scene: Scene, witness: RedisWitness, mutant: str) -> None:
    """A worker is frozen over its task until another one has done that task; then it thaws and reports, too."""
    first = worker(scene, mutant, "shared", "first")
    result = send(scene, 1, 2, "shared")
    scene.ledger.wait_for_starts(1, 1)
    began = time.monotonic_ns()
    first.tell_all(signal.SIGSTOP)
    other = worker(scene, mutant, "shared")
    result.get(timeout=20)
    wait_until(lambda: time.monotonic_ns() - began > 2e9 * LEASE, 20, "two leases")
    first.tell_all(signal.SIGCONT)
    thaw = Fault(Kind.FREEZE_GROUP, began, time.monotonic_ns(), first.number)
    scene.ledger.wait_for_ends(2, 1)
    # Its outcomes are reported in order: with this one, the earlier one has arrived or was dropped.
    send(scene, 2, 0, "first").get(timeout=20)
    assert [first.stop(), other.stop()] == [0, 0]
    found = violations(story(scene, witness, thaw))
    # Without a fence, how often depends on how often the leases were lost: twice at least.
    assert [violation.partition(" has ")[0] for violation in found] == (["once: task 1"] if mutant else [])


@pytest.mark.parametrize("mutant", ["slow_finish", "ack_first"])
def test_a_kill_between_ack_and_result(scene: Scene, witness: RedisWitness, mutant: str) -> None:
    """The core is killed when its task has ended and its report is on the way."""
    first = worker(scene, mutant, "shared")
    send(scene, 1, 0.2, "shared")
    scene.ledger.wait_for_ends(1, 1)
    if mutant == "ack_first":
        wait_until(lambda: claimed(scene) == 0, 5, "acknowledgement")
    began = time.monotonic_ns()
    os.kill(first.core, signal.SIGKILL)
    kill = Fault(Kind.KILL_CORE, began, time.monotonic_ns(), first.number)
    other = worker(scene, "", "shared")
    wait_until(lambda: len(scene.leases()) == 1, 10, "end of the lease of the dead")
    send(scene, 2, 0, "shared").get(timeout=20)
    assert other.stop() == 0
    found = violations(story(scene, witness, kill))
    assert found == (["lost: task 1 has no result; it began 1 times"] if mutant == "ack_first" else [])


def claimed(scene: Scene) -> int:
    """How many messages are in workers' hands."""
    (row,) = scene.app.store.run(c.Stats(("shared",)))
    return row.claimed


@pytest.mark.parametrize("mutant", ["", "trust_clock"])
def test_an_outage_in_which_nobody_died(
    scene: Scene, witness: RedisWitness, redis_server: RedisServer, mutant: str
) -> None:
    """After it, one worker is back a moment before the other, and sees the other's old heartbeat."""
    first = worker(scene, mutant, "first")
    result = send(scene, 1, 5 * LEASE, "first")
    scene.ledger.wait_for_starts(1, 1)
    other = worker(scene, mutant, "other", "first")
    send(scene, 2, 0, "other").get(timeout=20)
    began = time.monotonic_ns()
    redis_server.kill()
    time.sleep(2 * LEASE)
    freeze(first.core)
    redis_server.start()
    outage = Fault(Kind.KILL_STORE, began, time.monotonic_ns())
    send(scene, 3, 0, "other").get(timeout=20)
    first.tell_all(signal.SIGCONT)
    result.get(timeout=20)
    send(scene, 4, 0, "first").get(timeout=20)
    assert [first.stop(), other.stop()] == [0, 0]
    found = violations(story(scene, witness, outage))
    assert [violation.partition(" at ")[0] for violation in found] == (
        [f"explained: task 1 began again on worker {other.number}"] if mutant else []
    )
