"""`celeriac worker` with the flags that make it a daemon, size its pool, or say what it begins with."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys

import pytest

from celeriac.ids import hostname
from celeriac.worker.system.pidfile import lives
from tests.cli.project import Project
from tests.guard import Guard
from tests.worker.ledger import wait_until
from tests.worker.scene import open_gate

pytestmark = pytest.mark.slow

FAILED, USAGE, UNAVAILABLE, CANNOT_CREATE = 1, 2, 69, 73


class Daemon:
    """A worker that was detached, by its pidfile; a context manager that leaves nothing behind."""

    def __init__(self, project: Project, *options: str) -> None:
        self.file = project.folder / "w1.pid"
        self.log = project.folder / "w1.log"
        self.done = project.run(
            *("worker", "-n", "w1", "-D", "--pidfile", "%n.pid", "-f", "%n.log", "-c", "1", "-l", "info"), *options
        )
        self.pid = int(self.file.read_text())
        self._guard = Guard(os.getpgid(self.pid))

    def wait_for_end(self) -> None:
        wait_until(lambda: not lives(self.pid), 20, "end of the daemon")

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *_: object) -> None:
        if lives(self.pid):
            os.killpg(os.getpgid(self.pid), signal.SIGKILL)
            self.wait_for_end()
        self._guard.dismiss()


def test_a_detached_worker_works_in_the_background_until_it_is_told_to_stop(project):
    with Daemon(project) as daemon:
        assert (daemon.done.returncode, daemon.done.stdout, daemon.done.stderr) == (0, "", "")
        assert os.getsid(daemon.pid) not in (os.getsid(0), daemon.pid)
        task = project.prints("call", "proj.whoami")
        assert project.prints("result", task, "--timeout", "20") == f"w1@{hostname()}"
        os.kill(daemon.pid, signal.SIGTERM)
        daemon.wait_for_end()
        assert "worker w1@" in daemon.log.read_text()
        assert not daemon.file.exists()


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_a_signal_that_comes_as_soon_as_there_is_a_pidfile_is_heard(idle_project, pool):
    for _ in range(3):
        with Daemon(idle_project, "-P", pool) as daemon:
            os.kill(daemon.pid, signal.SIGTERM)
            daemon.wait_for_end()
            assert not daemon.file.exists()
            assert "Traceback" not in daemon.log.read_text()


def test_a_pidfile_keeps_a_second_worker_away_for_as_long_as_the_first_lives(idle_project):
    with Daemon(idle_project) as daemon:
        for more in ((), ("-D",)):
            done = idle_project.run("worker", "--pidfile", "w1.pid", *more)
            assert (done.returncode, done.stdout) == (CANNOT_CREATE, "")
            (line,) = [line for line in done.stderr.splitlines() if "--logfile" not in line]
            assert line.startswith(f"celeriac: {daemon.file} names the process {daemon.pid}, which runs [C103")
        os.killpg(os.getpgid(daemon.pid), signal.SIGKILL)
        daemon.wait_for_end()
        assert daemon.file.exists()
        with Daemon(idle_project) as second:
            assert (second.done.returncode, second.pid != daemon.pid) == (0, True)


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        (("--pidfile", "absent/w.pid"), FAILED, "absent/w.pid cannot be written: No such file or directory"),
        (("-f", "absent/w.log"), FAILED, "the log cannot be written to absent/w.log: No such file or directory"),
        (("-I", "absent_module"), FAILED, "ModuleNotFoundError: No module named 'absent_module'"),
        (("--uid", "nobody-of-that-name"), USAGE, "no user 'nobody-of-that-name' is known here"),
        (("--gid", "nobody-of-that-name"), USAGE, "no group 'nobody-of-that-name' is known here"),
        (("--umask", "everything"), USAGE, "'everything' is no umask"),
    ],
)
def test_what_keeps_a_detached_worker_from_starting_is_said_where_it_was_started(
    idle_project, options, code, complaint
):
    done = idle_project.run("worker", "-D", *options)
    assert (done.returncode, done.stdout) == (code, "")
    assert complaint in done.stderr
    assert not list(idle_project.folder.glob("*.pid*"))


def test_an_app_that_cannot_be_imported_is_not_detached(idle_project):
    (idle_project.folder / "broken.py").write_text("raise RuntimeError('my own mistake')\n")
    done = idle_project.run("worker", "-D", "-f", "w.log", "--pidfile", "w.pid", app="broken")
    assert done.returncode == FAILED
    assert "RuntimeError: my own mistake" in done.stderr
    assert idle_project.run("worker", "-D", "-f", "w.log", app="absent").returncode == USAGE
    assert not (idle_project.folder / "w.pid").exists()


def test_files_are_made_with_the_umask(idle_project):
    with Daemon(idle_project, "--umask", "077") as daemon:
        wait_until(lambda: "serves" in daemon.log.read_text(), 20, "beginning of the worker")
        assert {path.stat().st_mode & 0o777 for path in (daemon.file, daemon.log)} == {0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
@pytest.mark.parametrize("flags", [(), ("-D", "-f", "w.log", "--pidfile", "w.pid")], ids=["here", "detached"])
def test_that_a_user_may_not_run_this_python_is_said_where_it_was_started(idle_project, tmp_path, flags):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    python = private / "python"
    python.symlink_to(sys.executable)
    words, environment = idle_project.spelled("proj", "worker", "-c", "1", "--uid", "nobody", *flags)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [python, *words[1:]], cwd=idle_project.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == FAILED
    assert done.stderr == f"celeriac: nobody may not run {python}: install Python where they may\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
@pytest.mark.parametrize(("user", "group"), [("nobody", None), (str(pwd.getpwnam("nobody").pw_uid), "0")])
def test_a_worker_becomes_somebody_else_for_good(user, group):
    program = (
        "import os, sys\nfrom celeriac.exceptions import ImproperlyConfigured\n"
        "from celeriac.worker.system.daemon import become\n"
        "become(sys.argv[1], sys.argv[2] or None)\n"
        "print(os.getresuid(), os.getresgid()[0])\n"
        "try:\n    become('root', None)\nexcept ImproperlyConfigured as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, user, group or ""], capture_output=True, text=True, check=True
    )
    nobody = pwd.getpwnam("nobody")
    owner, refusal = done.stdout.splitlines()
    assert owner == f"{(nobody.pw_uid,) * 3} {nobody.pw_gid if group is None else 0}"
    assert refusal == "cannot run as root: Operation not permitted; only root may do that"


def test_another_python_runs_the_worker(idle_project):
    python = idle_project.folder / "python"
    python.write_text(f'#!/bin/sh\necho "$@" > asked\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    with idle_project.worker("--executable", str(python), "-n", "other") as worker:
        worker.wait_for("worker other@")
        asked = (idle_project.folder / "asked").read_text()
        assert asked == "-m celeriac -A proj worker -c 1 -l info -n other\n"
        assert worker.stop() == 0


def test_what_waits_is_dropped_first_if_that_is_asked_for(project):
    for _ in range(3):
        project.prints("call", "proj.add", "-a", "[1, 1]")
    with project.worker("--purge") as worker:
        worker.wait_for("purged 3 messages")
        task = project.prints("call", "proj.add", "-a", "[1, 2]")
        assert project.prints("result", task, "--timeout", "20") == "3"
        assert worker.stop() == 0
        assert "stopped; 1 run of tasks" in worker.said


@pytest.mark.parametrize("start", [(), ("--pool-start-method", "spawn")])
def test_further_modules_are_imported(idle_project, start):
    (idle_project.folder / "more.py").write_text("from proj import app\n\n\n@app.task\ndef one():\n    return 1\n")
    with idle_project.worker("-I", "more", *start):
        task = idle_project.prints("call", "more.one", "--force")
        assert idle_project.prints("result", task, "--timeout", "20") == "1"


def test_a_pool_follows_its_load(project, monkeypatch):
    monkeypatch.setenv("AUTOSCALE_KEEPALIVE", "0.1")
    gates = [project.folder / f"gate{number}" for number in range(3)]
    with project.worker("--autoscale", "3,0") as worker:
        for gate in gates:
            os.mkfifo(gate)
            project.prints("call", "proj.hold", "-a", f'["{gate}.begun", "{gate}"]')
        worker.wait_for("from 1 to 2 at once")
        worker.wait_for("from 2 to 3 at once")
        for gate in gates:
            open_gate(gate)
        worker.wait_for("from 3 to ")
        assert worker.stop() == 0


def test_a_worker_that_is_not_to_wait_for_its_store_ends_with_69(cut_off_project):
    (cut_off_project.folder / "impatient.py").write_text(
        "from proj import app\napp.conf.broker_connection_retry_on_startup = False\n"
    )
    done = cut_off_project.run("worker", "-c", "1", app="impatient")
    assert done.returncode == UNAVAILABLE
    (line,) = done.stderr.splitlines()
    assert line.startswith("celeriac: cannot connect to Redis")
    assert "check that the store is running" in line
