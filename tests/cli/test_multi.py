"""`celeriac multi` with real workers and real pidfiles."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from celeriac.ids import hostname
from celeriac.worker.system.pidfile import Pidfile, lives
from tests.cli.project import Project
from tests.guard import Guard
from tests.worker.ledger import wait_until

pytestmark = pytest.mark.slow

FILES = ("--pidfile=run/%n.pid", "--logfile=log/%n.log")
NODES = ("web", "mail", *FILES, "-c", "1", "-Q:web", "celery", "-Q:mail", "aside")
WEB, MAIL = f"web@{hostname()}", f"mail@{hostname()}"


class Cluster:
    """Two workers, each with a queue; a context manager that leaves nothing behind."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._guards: list[Guard] = []

    def multi(self, *words: str) -> tuple[int, list[str]]:
        """Exit code and lines of `celeriac multi`, for these workers."""
        done = self.project.run("multi", words[0], *NODES, *words[1:])
        assert done.stderr == ""
        self._guards += [Guard(os.getpgid(pid)) for pid in self.pids().values() if pid]
        return done.returncode, [line.strip() for line in done.stdout.splitlines()]

    def pids(self) -> dict[str, int]:
        """Their process ids, 0 for one that is not there."""
        read = {name: Pidfile(str(self.project.folder / "run" / f"{name}.pid")).read() for name in ("web", "mail")}
        return {name: pid if pid and lives(pid) else 0 for name, pid in read.items()}

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self.pids().values():
            if pid:
                os.killpg(os.getpgid(pid), signal.SIGKILL)
        wait_until(lambda: not any(self.pids().values()), 20, "end of all")
        for guard in self._guards:
            guard.dismiss()


def test_workers_are_started_restarted_and_stopped(idle_project):
    with Cluster(idle_project) as cluster:
        code, said = cluster.multi("start")
        assert (code, said) == (0, ["> Starting nodes...", f"> {WEB}: OK", f"> {MAIL}: OK"])
        first = cluster.pids()
        assert all(first.values())
        for task, name in (("proj.whoami", WEB), ("proj.elsewhere", "aside")):
            id = idle_project.prints("call", task)
            assert idle_project.prints("result", id, "--timeout", "20") == name
        assert {file.name for file in (idle_project.folder / "log").iterdir()} == {"web.log", "mail.log"}

        code, said = cluster.multi("restart", "-INT")
        assert code == 0
        assert f"> {WEB}: SIGINT -> {first['web']}" in said
        second = cluster.pids()
        assert all(second.values())
        assert not set(first.values()) & set(second.values())

        code, said = cluster.multi("stopwait")
        assert code == 0
        assert sorted(said[-2:]) == sorted([f"> {WEB}: OK", f"> {MAIL}: OK"])
        assert not any(cluster.pids().values())
        assert list((idle_project.folder / "run").iterdir()) == []


def test_one_that_runs_already_is_not_started_twice(idle_project):
    with Cluster(idle_project) as cluster:
        cluster.multi("start", "--quiet")
        before = cluster.pids()
        done = idle_project.run("multi", "start", *NODES)
        assert done.returncode == 1
        assert [line.strip() for line in done.stdout.splitlines()[1:]] == [f"> {WEB}: FAILED", f"> {MAIL}: FAILED"]
        assert f"names the process {before['web']}, which runs" in done.stderr
        assert cluster.pids() == before


def test_those_that_are_killed_are_down(idle_project):
    with Cluster(idle_project) as cluster:
        cluster.multi("start")
        code, said = cluster.multi("kill")
        assert code == 0
        assert [line.partition(" ->")[0] for line in said] == [f"> {WEB}: SIGKILL", f"> {MAIL}: SIGKILL"]
        wait_until(lambda: not any(cluster.pids().values()), 20, "end of all")
        assert cluster.multi("stop") == (0, ["> Stopping nodes...", f"> {WEB}: DOWN", f"> {MAIL}: DOWN"])


def test_a_worker_that_cannot_start_fails_the_command_with_its_own_words(idle_project):
    (idle_project.folder / "broken.py").write_text("raise RuntimeError('my own mistake')\n")
    done = idle_project.run("multi", "start", "web", *FILES, app="broken")
    assert (done.returncode, done.stdout.splitlines()[1:]) == (1, [f"\t> {WEB}: FAILED"])
    assert "RuntimeError: my own mistake" in done.stderr
    assert list((idle_project.folder / "run").iterdir()) == []


def test_what_would_be_started_is_shown(idle_project):
    assert idle_project.prints("multi", "names", "2") == f"celery1@{hostname()}\ncelery2@{hostname()}"
    shown = idle_project.prints("multi", "show", "web", *FILES, "-c", "3")
    files = "--pidfile=run/web.pid --logfile=log/web.log"
    assert shown == f"{sys.executable} -m celeriac -A proj worker --detach -n {WEB} {files} -c 3"
    assert idle_project.prints("multi", "get", "web", "web", "mail", *FILES, "-c", "3") == shown
    assert idle_project.run("multi", "get", "absent", "web", "mail").returncode == 1
    assert idle_project.prints("multi", "expand", "%n of %h", "web") == f"web of {hostname()}"
    assert "start them, each with the options" in idle_project.prints("multi", "help")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("fly",), "there is no 'fly'"),
        (("start",), "name the workers"),
        (("expand", "%n"), "name the workers"),
        (("start", "web", "-c:mail", "1"), "no worker 'mail' is among web@"),
    ],
)
def test_wrong_use(idle_project, words, complaint):
    done = idle_project.run("multi", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr


def test_no_process_on_the_way_to_a_worker_shows_a_password(idle_project):
    python = idle_project.folder / "python"
    python.write_text('#!/bin/sh\necho "$@ | $CELERY_BROKER_URL $CELERIAC_RESULT_BACKEND" > said\n')
    python.chmod(0o755)
    url, results = "redis://:secret@h/0", "redis://:hidden@h/1"
    done = idle_project.run(
        "multi", "start", "web", *FILES, "-b", url, f"--result-backend={results}", f"--executable={python}"
    )
    assert done.returncode == 0
    shown, known = (idle_project.folder / "said").read_text().split(" | ")
    assert "secret" not in shown
    assert "hidden" not in shown
    assert known.split() == [url, results]
