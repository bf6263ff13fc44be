"""What docs/stopping.md shows is run: the settings, the commands of its probes, its signals."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guard import Guard
from tests.worker.ledger import wait_until
from tools.servers.port import free_port

DOCUMENT = (Path(__file__).parents[2] / "docs" / "stopping.md").read_text()
(APP,) = re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
COMMANDS = [json.loads(found) for found in re.findall(r'\["celeriac".*?\]', DOCUMENT)]
(SERVICE,) = re.findall(r"^ExecStart=\S+/(celeriac .*)$", DOCUMENT, re.MULTILINE)


@pytest.fixture
def port() -> int:
    """In place of the one in the document, which may be taken."""
    return free_port()


@pytest.fixture
def worker(tmp_path: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The worker of the document."""
    assert ":8080" in APP
    (tmp_path / "shop.py").write_text(APP.replace(":8080", f":{port}"))
    (tmp_path / "run").mkdir(mode=0o700)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            program(COMMANDS[0]), cwd=tmp_path, env=environment(tmp_path), stderr=log, start_new_session=True
        )
    guard = Guard(process.pid)
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    guard.dismiss()


def environment(folder: Path) -> dict[str, str]:
    """That of everybody in a folder."""
    return {**os.environ, "CELERIAC_DIR": str(folder), "CELERIAC_RUNTIME_DIR": str(folder / "run")}


def program(command: list[str]) -> list[str]:
    """The command of this interpreter."""
    return [sys.executable, "-m", *command]


def exit_code(folder: Path, command: list[str]) -> int:
    """Run a probe."""
    return subprocess.run(
        program(command), cwd=folder, env=environment(folder), capture_output=True, check=False
    ).returncode


def test_the_worker_and_its_probes(worker: subprocess.Popen[bytes], tmp_path: Path, port: int) -> None:
    run, live, ready = COMMANDS
    assert shlex.split(SERVICE) == run
    wait_until(lambda: exit_code(tmp_path, ready) == 0, 20, "ready worker", 0.05)
    assert exit_code(tmp_path, live) == 0
    for path in ("live", "ready"):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as response:
            assert json.load(response)[path] is True
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    assert exit_code(tmp_path, live) == 69
