"""The worker as the first process of a container: it hears signals and leaves no zombies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guard import Guard
from tests.worker.ledger import wait_until
from tests.worker.process import ROOT
from tests.worker.scene import Scene, open_gate

pytestmark = pytest.mark.slow

UNSHARE = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]


@pytest.fixture
def scene(any_scene: Scene) -> Scene:
    """The store plays no part here."""
    return any_scene


@pytest.fixture
def container(scene: Scene) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that is process 1 of a PID namespace; the process here is the one that made it."""
    if subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody make a PID namespace")
    environment = {"TEST_BROKER": scene.url, "TEST_LEDGER": str(scene.folder / "ledger")}
    with (scene.folder / "container.log").open("wb") as stderr:
        process = subprocess.Popen(
            [*UNSHARE, sys.executable, "-m", "celeriac", "-A", "tests.worker.tasks", "worker", "-c", "1", "-l", "INFO"],
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", **environment},
            cwd=scene.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
    guard = Guard(process.pid)
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()
    guard.dismiss()


def first(container: subprocess.Popen[bytes]) -> int:
    """The pid that process 1 has out here."""
    return int(Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text())


def zombies_of(pid: int) -> int:
    """How many children of a process wait to be buried."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(b") Z " in Path(f"/proc/{child}/stat").read_bytes() for child in children)


def test_orphans_are_buried_and_a_stop_is_heard(scene: Scene, container: subprocess.Popen[bytes]) -> None:
    gate = scene.new_gate()
    for number in range(5):
        scene.send("orphan", number).get(timeout=20)
    wait_until(lambda: zombies_of(first(container)) == 0, 5, "burial of orphans", 0.02)
    running = scene.send("gate", 9, str(gate))
    scene.ledger.wait_for_starts(1, 9)
    os.kill(first(container), signal.SIGTERM)
    open_gate(gate)
    assert running.get(timeout=10) == 9
    assert container.wait(10) == 0
