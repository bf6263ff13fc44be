"""The store comes and goes: a worker waits for it and takes up where it was."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from celeriac.result import gather
from tests.worker.ledger import wait_until
from tests.worker.scene import Scene, open_gate
from tools.servers.redis import RedisServer

pytestmark = pytest.mark.slow

LEASE = 2.0


@pytest.fixture
def scene(redis_server: RedisServer, tmp_path: Path) -> Iterator[Scene]:
    """On a Redis server of its own."""
    with Scene(redis_server.url, tmp_path, lease=LEASE) as scene:
        yield scene


def test_a_worker_waits_for_a_store_that_is_not_there_yet(scene: Scene, redis_server: RedisServer) -> None:
    redis_server.kill()
    worker = scene.worker("-c", "2").wait_ready(2)
    wait_until(lambda: worker.said("trying again"), 10, "word of the missing store")
    redis_server.start()
    assert scene.send("quick", 1).get(timeout=10) == 1
    assert worker.stop() == 0


def test_a_worker_that_holds_nothing_ends_without_its_store(scene: Scene, redis_server: RedisServer) -> None:
    redis_server.kill()
    worker = scene.worker("-c", "1").wait_ready(1)
    wait_until(lambda: worker.said("trying again"), 10, "word of the missing store")
    assert worker.stop(5) == 0


@pytest.mark.parametrize("way", ["frozen", "killed"])
@pytest.mark.parametrize("leases", [0.3, 2.0])
def test_a_busy_worker_survives_an_outage(scene: Scene, redis_server: RedisServer, way: str, leases: float) -> None:
    gate = scene.new_gate()
    worker = scene.ready_worker(2)
    running = scene.send("gate", 9999, str(gate))
    results = scene.send_many("slow", [(number, 0.002) for number in range(1000)])
    scene.ledger.wait_for_starts(100)
    redis_server.freeze()
    if way == "killed":
        redis_server.kill()
    time.sleep(leases * LEASE)
    if way == "killed":
        redis_server.start()
    else:
        redis_server.thaw()
    assert gather(results, timeout=20) == list(range(1000))
    open_gate(gate)
    assert running.get(timeout=10) == 9999
    assert len(scene.ledger.starts()) == 1001
    assert worker.stop() == 0
    assert not worker.said("lease was lost")


@pytest.mark.timeout(90)
def test_an_idle_worker_survives_outages_in_any_phase_of_its_waiting(scene: Scene, redis_server: RedisServer) -> None:
    worker = scene.ready_worker(2)
    for number in range(8):
        assert scene.send("quick", number).get(timeout=10) == number
        time.sleep(number * LEASE / 4 / 8)
        redis_server.freeze()
        time.sleep(LEASE * 0.9)
        redis_server.thaw()
    assert scene.send("quick", 100).get(timeout=10) == 100
    assert worker.stop() == 0
    assert worker.said("trying again")


def wakings(pid: int) -> int:
    """How often a process has begun to wait so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


@pytest.mark.parametrize("away", [False, True])
def test_a_worker_with_one_long_task_sleeps(scene: Scene, redis_server: RedisServer, away: bool) -> None:
    gate = scene.new_gate()
    worker = scene.ready_worker(2)
    running = scene.send("gate", 1, str(gate))
    scene.ledger.wait_for_starts(1)
    if away:
        redis_server.kill()
    time.sleep(1)
    before = wakings(worker.core)
    time.sleep(2)
    assert wakings(worker.core) - before < 120  # it was 400: a look every five milliseconds
    if away:
        redis_server.start()
    open_gate(gate)
    assert running.get(timeout=20) == 1
