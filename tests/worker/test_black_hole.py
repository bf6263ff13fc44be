"""Nothing says that a connection is dead: a wire that swallows one direction, a server that stands still.

Work resumes within ten seconds of the heal, and the worker has said what it saw.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from celeriac.result import gather
from tests.worker.ledger import wait_until
from tests.worker.process import Worker
from tests.worker.scene import Scene
from tests.worker.wire import Way, Wire
from tools.servers.redis import RedisServer

pytestmark = pytest.mark.slow

RESUMED_SECONDS = 10.0


@pytest.fixture
def wire(redis_server: RedisServer) -> Iterator[Wire]:
    """Between the worker and Redis; the test itself speaks to Redis directly."""
    with Wire(redis_server.port) as wire:
        yield wire


def ready_worker(scene: Scene, wire: Wire) -> Worker:
    """A worker of two children behind the wire."""
    return scene.ready_worker(2, environment={"TEST_BROKER": f"redis://127.0.0.1:{wire.port}/0"})


@pytest.mark.parametrize(
    ("way", "load", "lease"),
    [
        (Way.TO_SERVER, "idle", 2.0),
        (Way.TO_SERVER, "busy", 2.0),
        (Way.TO_CLIENT, "idle", 2.0),
        (Way.TO_CLIENT, "busy", 2.0),
        pytest.param(Way.TO_CLIENT, "busy", 10.0, marks=pytest.mark.chaos),
    ],
)
def test_work_resumes_after_a_black_hole(
    redis_server: RedisServer,
    wire: Wire,
    tmp_path: Path,
    way: Way,
    load: str,
    lease: float,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Scene(redis_server.url, tmp_path, lease=lease) as scene:
        worker = ready_worker(scene, wire)
        count = 400 if load == "busy" else 1
        results = scene.send_many("slow", [(number, 0.005) for number in range(count)])
        scene.ledger.wait_for_starts(min(count, 50))
        if load == "idle":
            gather(results, timeout=10)
        wire.cut(way)
        results += scene.send_many("quick", [(number,) for number in range(1000, 1010)])
        wait_until(lambda: worker.said("lost the store"), 15, "word of the black hole", 0.02)
        time.sleep(0.5)
        healed = time.monotonic()
        wire.heal()
        gather(results, timeout=20)
        took = time.monotonic() - healed
        with capsys.disabled():
            print(f"\n  lease {lease}, {way}, {load}: all done {took:.2f} s after the heal")
        assert took < RESUMED_SECONDS
        assert worker.said("no reply from Redis") or worker.said("while waiting")
        wait_until(lambda: worker.said("the store is back after"), 5, "word that it is back", 0.02)
        assert worker.stop() == 0
        starts = scene.ledger.starts()
        assert len(starts) == len({record.task for record in starts}) == len(results)


@pytest.mark.parametrize("way", ["stopped", "paused"])
def test_work_resumes_after_a_server_that_stood_still(redis_server: RedisServer, tmp_path: Path, way: str) -> None:
    with Scene(redis_server.url, tmp_path, lease=2.0) as scene:
        worker = scene.ready_worker(2)
        results = scene.send_many("slow", [(number, 0.005) for number in range(400)])
        scene.ledger.wait_for_starts(50)
        began = time.monotonic()
        if way == "stopped":
            redis_server.freeze()
        else:
            pause(redis_server, 3.0)
        wait_until(lambda: worker.said("lost the store"), 15, "word of the pause", 0.02)
        time.sleep(max(0.0, began + 3 - time.monotonic()))
        if way == "stopped":
            redis_server.thaw()
        thawed = time.monotonic()
        gather(results, timeout=20)
        assert time.monotonic() - thawed < RESUMED_SECONDS
        assert worker.said("no reply from Redis")
        assert worker.said("within 1 s")
        wait_until(lambda: worker.said("the store is back after"), 5, "word that it is back", 0.02)
        assert worker.stop() == 0
        assert len(scene.ledger.starts()) == len(results)


def pause(server: RedisServer, seconds: float) -> None:
    """Let a server hold back all answers for a while."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"CLIENT PAUSE %d ALL\r\n" % int(seconds * 1000))
        assert connection.recv(64) == b"+OK\r\n"
