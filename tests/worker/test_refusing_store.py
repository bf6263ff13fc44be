"""The store answers, but refuses for a while: what may run once does not run twice, and nothing is lost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from celeriac.result import gather
from tests.worker.scene import Scene, open_gate
from tools.servers.redis import RedisServer

pytestmark = pytest.mark.slow

LEASE = 4.0


@pytest.fixture
def scene(redis_server: RedisServer, tmp_path: Path) -> Iterator[Scene]:
    """On a Redis server of its own."""
    with Scene(redis_server.url, tmp_path, lease=LEASE) as scene:
        yield scene


@pytest.mark.timeout(90)
def test_what_may_run_once_does_so_while_writes_are_refused(scene: Scene, redis_server: RedisServer) -> None:
    """Sessions break and are built anew while tasks wait to be marked, and the children are looked after."""
    gates = [scene.new_gate(f"gate{number}") for number in range(2)]
    workers = [scene.ready_worker(4), scene.ready_worker(4)]
    running = [scene.send("gate", 9990 + number, str(gate)) for number, gate in enumerate(gates)]
    scene.ledger.wait_for_starts(2)
    results = scene.send_many("once", [(number, 0.05) for number in range(300)])
    with redis.Redis(port=redis_server.port) as client:
        for refused in (0.2, 0.5, 0.3, 0.2, 0.4):
            before = len(scene.ledger.starts())
            client.config_set("maxmemory", "1")
            time.sleep(refused)
            client.config_set("maxmemory", "0")
            scene.ledger.wait_for_starts(min(before + 20, 302))
    assert gather(results, timeout=60) == list(range(300))
    for gate in gates:
        open_gate(gate)
    gather(running, timeout=10)
    starts = Counter(record.task for record in scene.ledger.starts())
    assert {task: count for task, count in starts.items() if count > 1} == {}
    assert [worker.stop() for worker in workers] == [0, 0]
