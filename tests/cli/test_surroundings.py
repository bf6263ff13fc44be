"""Whatever is broken around it, every command ends within ten seconds, with one clear line and the right exit code.

The commands are taken from the command itself, so that a new one is tested, too.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from celeriac import Celeriac
from tests.cli.commands import WITHOUT_STORE, every_command, typed
from tests.cli.project import Project
from tests.guard import Guard

pytestmark = pytest.mark.slow

FAILED, UNAVAILABLE = 1, 69
MOST_SECONDS = 10.0
AT_ONCE = 2
Words = Sequence[tuple[str, ...]]
OF_REDIS = [("adopt",), ("hand-back",)]
"""They say of SQLite that there is nothing to do."""

HOLD = """
import fcntl, sys, time
with open(sys.argv[1], "r+") as file:
    fcntl.lockf(file, fcntl.LOCK_EX, 1, 0)
    print("held", flush=True)
    time.sleep(600)
"""


def run_all(project: Project, *, but: Words = (), only: Words = (), app: str = "proj") -> Iterator[tuple[str, str]]:
    """What each command prints on standard error, once it has ended as it should have: in time, and saying nothing."""
    chosen = only or [words for words in typed() if words not in but]

    def run(words: tuple[str, ...]) -> tuple[tuple[str, ...], subprocess.CompletedProcess[str], float]:
        started = time.monotonic()
        done = project.run(*words, app=app)
        return words, done, time.monotonic() - started

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for words, done, seconds in pool.map(run, chosen):
            assert (words, done.stdout) == (words, "")
            assert seconds < MOST_SECONDS, words
            yield f"{' '.join(words)}: {done.returncode}", done.stderr


def one_line(stderr: str) -> str:
    """The line, with the name of the program before it and the code of the error behind."""
    (line,) = stderr.splitlines()
    assert line.startswith("celeriac: ")
    assert "[C" in line
    return line


def test_there_are_commands_to_try_and_those_that_are_not_are_there():
    assert len(typed()) > 20
    assert {words[0] for words in every_command()} >= {*WITHOUT_STORE, "worker"}


@pytest.mark.timeout(240)
def test_a_broker_that_is_down(cut_off_project):
    for words, stderr in run_all(cut_off_project):
        assert words.endswith(f": {UNAVAILABLE}")
        line = one_line(stderr)
        assert "Connection refused" in line
        assert "check that the store is running" in line


@pytest.mark.timeout(240)
def test_a_broker_that_accepts_and_never_answers(tmp_path):
    with socket.create_server(("127.0.0.1", 0), backlog=256) as mute:
        project = Project.make(tmp_path, f"redis://127.0.0.1:{mute.getsockname()[1]}/0")
        for words, stderr in run_all(project):
            assert words.endswith(f": {UNAVAILABLE}")
            assert "timed out" in one_line(stderr)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands still and holds the database of the project there, which has a task."""
    path = tmp_path / "tasks.db"
    project = Project.make(tmp_path, f"sqlite:///{path}")
    with Celeriac("proj", broker=project.broker) as app:
        app.send_task("proj.add", (1, 1))
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, f"{path}-lock"], stdout=subprocess.PIPE, start_new_session=True
    )
    guard = Guard(holder.pid)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    holder.send_signal(signal.SIGSTOP)
    yield holder
    if holder.returncode is None:
        holder.kill()
        holder.communicate()
    guard.dismiss()


@pytest.mark.timeout(240)
def test_a_database_that_another_process_does_not_let_go_of_loses_nothing(holder, tmp_path):
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'tasks.db'}")
    for words, stderr in run_all(project, but=OF_REDIS):
        assert words.endswith(f": {UNAVAILABLE}")
        assert "the database was kept locked by another process for" in one_line(stderr)
    holder.kill()
    holder.communicate()
    with Celeriac("proj", broker=project.broker) as app:
        (row,) = app.queues.list()
        assert (row.queue, row.ready, row.paused) == ("celery", 1, False)


def test_a_database_that_another_program_has_locked(tmp_path):
    import sqlite3

    path = tmp_path / "tasks.db"
    project = Project.make(tmp_path, f"sqlite:///{path}")
    assert project.run("queues").returncode == 0
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        done = project.run("call", "proj.whoami")
        other.execute("ROLLBACK")
    other.close()
    assert done.returncode == UNAVAILABLE
    assert f"another program keeps {path} locked" in one_line(done.stderr)


def test_a_database_that_is_a_folder(idle_project):
    (idle_project.folder / "pyproject.toml").touch()
    (idle_project.folder / "tasks.db").mkdir()
    for words, stderr in run_all(idle_project, but=OF_REDIS):
        assert words.endswith(f": {FAILED}")
        assert f"{idle_project.folder}/tasks.db is a folder" in one_line(stderr)


@pytest.mark.parametrize("kind", ["in no folder", "no database", "of somebody else"])
def test_a_database_that_cannot_be_one_or_be_written(tmp_path, kind):
    path = tmp_path / "absent" / "tasks.db" if kind == "in no folder" else tmp_path / "tasks.db"
    if kind == "no database":
        path.write_bytes(b"this is something else" * 100)
    if kind == "of somebody else":
        # A folder of the kernel's, in which not even root can make a file.
        path = Path("/proc/self/tasks.db")
    only = [("queues",), ("call", "proj.whoami"), ("worker", "-c", "1")]
    for words, stderr in run_all(Project.make(tmp_path, f"sqlite:///{path}"), only=only):
        assert words.endswith(f": {FAILED}")
        assert str(path) in one_line(stderr)


def test_an_app_that_cannot_be_imported(idle_project):
    (idle_project.folder / "broken.py").write_text("raise RuntimeError('my own mistake')\n")
    for words, stderr in run_all(idle_project, app="broken"):
        assert words.endswith(f": {FAILED}")
        assert stderr.splitlines() == [
            "cannot import broken:",
            "Traceback (most recent call last):",
            f'  File "{idle_project.folder}/broken.py", line 1, in <module>',
            "    raise RuntimeError('my own mistake')",
            "RuntimeError: my own mistake",
        ]


def test_a_port_in_use_keeps_a_worker_from_starting(idle_project):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = idle_project.run("worker", "-c", "1", environment={"CELERIAC_WORKER_HEALTH_BIND": address})
    assert (done.returncode, done.stdout) == (FAILED, "")
    line = one_line(done.stderr)
    assert address in line
    assert "in use" in line
