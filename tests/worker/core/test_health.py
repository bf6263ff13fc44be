"""What a worker says of itself to probes, and that nobody who asks can harm it."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from celeriac.worker.core import runtime_directory
from celeriac.worker.core.health import Health, HealthServer, judge
from tests.worker.ledger import wait_until
from tests.worker.process import ROOT, Worker
from tests.worker.scene import Scene, open_gate
from tools.servers.port import free_port
from tools.servers.redis import RedisServer

WELL, UNWELL, NOBODY = 0, 1, 69


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A runtime folder of this test's own; the path of a socket has to be short."""
    folder = Path(tempfile.mkdtemp(prefix="run", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def scene(any_scene: Scene) -> Scene:
    """What a probe sees does not depend on the store, but where it is away."""
    return any_scene


@pytest.fixture
def port() -> int:
    """A port that is free now."""
    return free_port()


class Probed:
    """A worker with both its doors open."""

    def __init__(self, scene: Scene, runtime: Path, port: int, children: int = 1) -> None:
        self.port = port
        settings = json.dumps({"worker_health_bind": f"127.0.0.1:{port}"})
        self.environment = {"CELERIAC_RUNTIME_DIR": str(runtime), "TEST_SETTINGS": settings}
        self.worker: Worker = scene.ready_worker(children, environment=self.environment)

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and body."""
        return get(self.port, path)

    def command(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run `celeriac health`."""
        return health_command(self.environment, *options)


def get(port: int, path: str) -> tuple[int, dict[str, Any]]:
    """Ask over HTTP."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def health_command(environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """Run `celeriac health` for the app of these tests."""
    return subprocess.run(
        [sys.executable, "-m", "celeriac", "-A", "tests.worker.tasks", "health", *options],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_worker_that_works_and_one_that_stops(scene: Scene, runtime: Path, port: int) -> None:
    gate = scene.new_gate()
    probed = Probed(scene, runtime, port)
    assert probed.get("/live")[0] == 200
    wait_until(lambda: probed.get("/ready")[0] == 200, 10, "a lease")
    status, body = probed.get("/ready")
    assert (status, body["worker"], body["ready"], body["children"]) == (200, "w0@here", True, 1)
    done = probed.command("--ready")
    assert (done.returncode, done.stdout, done.stderr) == (WELL, "w0@here: ready\n", "")
    assert json.loads(probed.command("--json", "-n", "w0@here").stdout)["app"] == "tests.worker.tasks"
    assert probed.command("-n", "w1@here").returncode == NOBODY

    running = scene.send("gate", 0, str(gate))
    scene.ledger.wait_for_starts(1)
    probed.worker.tell(signal.SIGTERM)
    wait_until(lambda: probed.get("/ready")[0] == 503, 5, "word of the stop")
    assert probed.get("/ready")[1]["reason"] == "stopping; 1 task in hand"
    assert probed.get("/live")[0] == 200
    assert probed.command().returncode == WELL
    done = probed.command("--ready")
    assert done.returncode == UNWELL
    assert "stopping" in done.stdout

    open_gate(gate)
    assert running.get(timeout=10) == 0
    assert probed.worker.wait() == 0
    done = probed.command()
    assert (done.returncode, done.stderr) == (NOBODY, "celeriac: no worker answers here\n")
    assert list(runtime.iterdir()) == []


@pytest.mark.slow
def test_children_that_hold_the_interpreter_do_not_matter(scene: Scene, runtime: Path, port: int) -> None:
    probed = Probed(scene, runtime, port, 2)
    scene.send_many("hold_lock", [(number, 3.0) for number in range(2)])
    scene.ledger.wait_for_starts(2)
    for path in ("/live", "/ready") * 3:
        asked = time.monotonic()
        assert probed.get(path)[0] == 200
        assert time.monotonic() - asked < 1


@pytest.mark.slow
def test_a_store_that_is_away_is_no_reason_to_restart(
    redis_server: RedisServer, tmp_path: Path, runtime: Path, port: int
) -> None:
    with Scene(redis_server.url, tmp_path, lease=2.0) as scene:
        probed = Probed(scene, runtime, port)
        redis_server.freeze()
        wait_until(lambda: probed.get("/ready")[0] == 503, 10, "word of the missing store", 0.05)
        assert probed.get("/ready")[1]["reason"].startswith("the store has not answered for")
        assert probed.get("/live")[0] == 200
        assert probed.command().returncode == WELL
        assert probed.command("--ready").returncode == UNWELL
        redis_server.thaw()
        wait_until(lambda: probed.get("/ready")[0] == 200, 10, "word of the store", 0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bind", "complaint"), [("127.0.0.1:{}", "in use"), ("8080", "not host:port"), ("127.0.0.1:99999", "not host:port")]
)
def test_an_address_that_cannot_be_had_is_said_at_the_start(
    scene: Scene, runtime: Path, bind: str, complaint: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = json.dumps({"worker_health_bind": bind.format(taken.getsockname()[1])})
        worker = scene.worker("-c", "1", environment={"CELERIAC_RUNTIME_DIR": str(runtime), "TEST_SETTINGS": settings})
        assert worker.wait() == 1
    assert worker.said("worker_health_bind")
    assert worker.said(complaint)
    assert not worker.said("Traceback")


@pytest.mark.slow
def test_what_a_killed_worker_leaves_is_swept_away(scene: Scene, runtime: Path, port: int) -> None:
    probed = Probed(scene, runtime, port)
    probed.worker.tell_all(signal.SIGKILL)
    probed.worker.wait()
    assert len(list(runtime.iterdir())) == 1
    assert probed.command().returncode == NOBODY
    assert list(runtime.iterdir()) == []


@pytest.mark.slow
def test_hostile_clients_harm_nobody(scene: Scene, runtime: Path, port: int) -> None:
    """Hundreds that send nothing, or by drops, or without end; the socket of this machine answers all the while."""
    probed = Probed(scene, runtime, port)
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(150)]
    for client in clients[:50]:
        client.sendall(b"GET /live HT")
    for client in clients[50:60]:
        client.settimeout(0.2)
        try:
            for _ in range(64):
                client.sendall(b"x" * 65536)
        except OSError:
            pass
    results = scene.send_many("quick", [(number,) for number in range(200)])
    assert probed.command("--ready").returncode == WELL
    assert [result.get(timeout=10) for result in results] == list(range(200))
    wait_until(lambda: answers(port), 5, "answer to a client that means well", 0.05)
    for client in clients:
        client.close()
    assert probed.worker.stop() == 0


def answers(port: int) -> bool:
    """Whether somebody answers there."""
    try:
        return get(port, "/live")[0] == 200
    except OSError:
        return False


def asked(request: bytes, look: Callable[[], Health]) -> bytes:
    """The whole answer of a server to these bytes."""

    async def main() -> bytes:
        server = HealthServer(look)
        path = Path(tempfile.mkdtemp(dir="/tmp")) / "s"
        await server.listen_here(str(path))
        try:
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(request)
            writer.write_eof()
            answer = await read_all(reader.read)
            writer.close()
            return answer
        finally:
            server.close()
            path.parent.rmdir()

    return asyncio.run(main())


async def read_all(read: Callable[[], Awaitable[bytes]]) -> bytes:
    """Up to the end, or to where it was cut off."""
    try:
        return await read()
    except ConnectionResetError:
        return b""


WELL_WORKER = Health(worker="w", app="a", ready=True)
ILL_WORKER = Health(worker="w", app="a", live=False)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /live HTTP/1.0\r\n\r\n", b"200 OK"),
        (b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", b"200 OK"),
        (b"HEAD /live HTTP/1.1\r\n\r\n", b"200 OK"),
        (b"GET / HTTP/1.0\r\n\r\n", b"404 Not Found"),
        (b"GET /live?x HTTP/1.0\r\n\r\n", b"404 Not Found"),
        (b"POST /live HTTP/1.0\r\n\r\n", b"400 Bad Request"),
        (b"GET /live\r\n\r\n", b"400 Bad Request"),
        (b"\r\n\r\n", b"400 Bad Request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400 Bad Request"),
        (b"GET /live HTTP/1.0", b"400 Bad Request"),
        (b"", b"400 Bad Request"),
    ],
)
def test_requests_and_their_answers(request_bytes, status):
    answer = asked(request_bytes, lambda: WELL_WORKER)
    assert answer.startswith(b"HTTP/1.0 " + status)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert request_bytes.startswith(b"HEAD") or f"Content-Length: {len(body)}".encode() in head
    assert asked(request_bytes, lambda: ILL_WORKER).startswith(
        b"HTTP/1.0 " + status.replace(b"200 OK", b"503 Service Unavailable")
    )


def test_a_request_without_end_is_cut_off():
    assert b"200" not in asked(b"GET /live HTTP/1.0\r\n" + b"x" * 1_000_000, lambda: WELL_WORKER)


def test_a_probe_under_way_when_the_worker_ends_is_no_error(tmp_path, caplog):
    async def main() -> None:
        server = HealthServer(lambda: WELL_WORKER)
        await server.listen_here(str(tmp_path / "s"))
        probe.connect(str(tmp_path / "s"))
        probe.send(b"GET /li")
        while len(asyncio.all_tasks()) < 2:
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # what answers has begun, and waits for more
        server.close()

    with socket.socket(socket.AF_UNIX) as probe:
        asyncio.run(main())
    assert not caplog.records


def test_only_what_a_restart_can_heal_is_not_live():
    def state(**known):
        health = Health(worker="w", app="a", children=known.pop("children", 1), stopping=known.pop("stopping", False))
        judged = judge(health, lease=known.get("lease", True), stalls_in_a_row=known.get("stalls", 0))
        return judged.live, judged.ready

    assert state() == (True, True)
    assert state(stopping=True) == (True, False)
    assert state(lease=False) == (True, False)
    assert state(children=0) == (True, False)
    assert state(stalls=1) == (True, True)
    assert state(stalls=2) == (False, False)


def test_a_folder_that_others_can_write_to_is_refused(runtime, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    folder = runtime / "celeriac"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match="alone"):
        runtime_directory.own()
    (folder / "w.x.sock").touch()
    assert all(folder not in Path(path).parents for _, path in runtime_directory.sockets())


def test_a_link_in_place_of_the_folder_is_refused(runtime, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    (runtime / "other").mkdir(mode=0o700)
    (runtime / "celeriac").symlink_to(runtime / "other")
    with pytest.raises(PermissionError):
        runtime_directory.own()
