"""What a worker tells of itself: to the probes of its own project, and to `status`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.project import Project
from tools.servers.redis import RedisServer

pytestmark = pytest.mark.slow

WELL, UNWELL, NOBODY = 0, 1, 69


@pytest.fixture
def runtime() -> Iterator[dict[str, str]]:
    """A runtime folder of this test's own; the path of a socket has to be short."""
    folder = tempfile.mkdtemp(prefix="run", dir="/tmp")
    yield {"CELERIAC_RUNTIME_DIR": folder}
    shutil.rmtree(folder)


def make(tmp_path: Path, name: str, broker: str = "sqlite:///tasks.db") -> Project:
    (tmp_path / name).mkdir()
    return Project.make(tmp_path / name, broker)


def ask_until(project: Project, runtime: dict[str, str], code: int, *options: str, seconds: float = 20) -> float:
    """Ask until the answer is this one; after how many seconds it was."""
    begun = time.monotonic()
    while (done := project.run("health", *options, environment=runtime)).returncode != code:
        assert time.monotonic() - begun < seconds, (done.returncode, done.stdout, done.stderr)
    return time.monotonic() - begun


def test_health_asks_the_workers_of_its_own_project(tmp_path, runtime, monkeypatch):
    """Of two projects called `proj`: a worker of the other one does not answer, nor does it matter that it hangs."""
    monkeypatch.setenv("CELERIAC_RUNTIME_DIR", runtime["CELERIAC_RUNTIME_DIR"])
    ours, theirs = make(tmp_path, "ours"), make(tmp_path, "theirs")
    with theirs.worker("-n", "theirs@here") as stranger:
        ask_until(theirs, runtime, WELL)
        assert theirs.run("health", app="proj:app", environment=runtime).returncode == WELL
        assert ours.run("health", environment=runtime).returncode == NOBODY
        assert "theirs@here" in ours.run("health", app=None, environment=runtime).stdout
        with ours.worker("-n", "ours@here") as worker:
            ask_until(ours, runtime, WELL, "--ready")
            stranger.send_to_group(signal.SIGSTOP)
            done = ours.run("health", "-t", "1", environment=runtime)
            assert (done.returncode, done.stdout, done.stderr) == (WELL, "ours@here: ready\n", "")
            done = theirs.run("health", "-t", "1", environment=runtime)
            assert (done.returncode, done.stderr.splitlines()[0]) == (NOBODY, "theirs@here: no answer")
            stranger.send_to_group(signal.SIGCONT)
            assert worker.stop() == 0
        assert stranger.stop() == 0


def test_a_redis_that_is_gone_is_told_within_seconds(tmp_path, runtime, monkeypatch, redis_server: RedisServer):
    monkeypatch.setenv("CELERIAC_RUNTIME_DIR", runtime["CELERIAC_RUNTIME_DIR"])
    project = make(tmp_path, "ours", redis_server.url)
    with project.worker():
        ask_until(project, runtime, WELL, "--ready")
        redis_server.kill()
        assert ask_until(project, runtime, UNWELL, "--ready") < 6
        done = project.run("health", environment=runtime)
        assert done.returncode == WELL
        assert "the store has not answered for" in project.run("health", "--ready", environment=runtime).stdout


@pytest.mark.parametrize("broker", ["sqlite", "redis"])
def test_status_shows_the_slots_there_are_and_how_far_tasks_are(tmp_path, broker, request):
    url = request.getfixturevalue("redis_url") if broker == "redis" else "sqlite:///tasks.db"
    project = make(tmp_path, "ours", url)
    until = project.folder / "until"
    os.mkfifo(until)
    (project.folder / "proj.py").write_text(
        (project.folder / "proj.py").read_text()
        + """
@app.task(bind=True)
def climb(self, number, until):
    self.progress(2, 5, "pages")
    return Path(until).read_text()
"""
    )
    with project.worker("--autoscale", "3,1"):
        ids = [project.prints("call", "proj.climb", "-a", json.dumps([n, str(until)])) for n in range(3)]
        ends = time.monotonic() + 40
        while True:
            (told,) = json.loads(project.prints("status", "--json", "-t", "20")).values()
            if told["slots"] == 3 and [run["progress"] for run in told["runs"]] == ["40 %: pages"] * 3:
                break
            assert time.monotonic() < ends, told
        assert "3 in hand, 3 slots" in project.prints("status")
        assert f"proj.climb[{ids[0]}] for " in project.prints("status")
        assert "40 %: pages" in project.prints("status")
        assert ", 40 %: pages" in project.prints("explain", ids[0])
        assert project.run("result", ids[0]).stderr == "no result yet; state PROGRESS, 40 %: pages\n"
