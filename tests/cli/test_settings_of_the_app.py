"""What `celeriac worker` makes of the settings of an app that the command line does not name."""

from __future__ import annotations

import signal
from ast import literal_eval
from pathlib import Path

import pytest

from tests.cli.project import Project
from tests.cli.terminal import Terminal

pytestmark = pytest.mark.slow

TASK = """

@app.task
def where():
    import socket, sys, threading

    name = threading.current_thread().name
    patched = socket.socket.__module__.startswith("gevent")
    return [os.getpid(), name, patched, "proj" in sys.modules]
"""
NOTED = ("worker_prefetch_multiplier", "broker_pool_limit", "worker_state_db", "beat_schedule", "worker_concurency")
"""Settings that something is said about; the last one is none."""
SETTINGS = """
app.conf.update(
    worker_prefetch_multiplier=1, broker_pool_limit=5, worker_concurency=3, worker_hijack_root_logger=False
)
app.conf.beat_schedule["daily"] = {"task": "proj.add", "schedule": 86400}
app.config_from_object({"worker_state_db": "x"})
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project on SQLite: none of this has to do with the store."""
    return Project.make(tmp_path, "sqlite:///tasks.db")


def with_source(project: Project, *lines: str) -> Project:
    """The project with more in its module."""
    module = project.folder / "proj.py"
    module.write_text("\n".join([module.read_text(), *lines]))
    return project


@pytest.mark.parametrize("pool", ["threads", "gevent", "solo"])
def test_the_pool_of_the_settings_is_used_by_a_command_that_names_none(project, pool, tmp_path):
    if pool == "gevent":
        pytest.importorskip("gevent")
    settings = f"app.conf.update(worker_pool={pool!r}, worker_max_tasks_per_child=1000)"
    with_source(project, TASK, settings)
    pidfile = tmp_path / "worker.pid"
    with project.worker("--pidfile", str(pidfile)) as worker:
        worker.wait_for("tasks: ")
        task = project.prints("call", "proj.where")
        process, thread, patched, _ = literal_eval(project.prints("result", task, "--timeout", "20"))
        launcher = int(pidfile.read_text())
        assert (process == launcher) == ("solo" in pool)
        assert patched == (pool == "gevent")
        assert (thread == "MainThread") == (pool == "solo")
        assert worker.stop() == 0
    assert "zygote is gone" not in worker.said
    assert not pidfile.exists()


def test_the_pool_of_the_command_goes_before_that_of_the_settings(project):
    with_source(project, TASK, "app.conf.worker_pool = 'solo'")
    with project.worker("-P", "prefork") as worker:
        worker.wait_for("tasks: ")
        task = project.prints("call", "proj.where")
        process, *_ = literal_eval(project.prints("result", task, "--timeout", "20"))
        assert process != worker.pid
        assert worker.stop() == 0


def test_a_solo_worker_takes_the_settings_of_others(project):
    with_source(project, "app.conf.update(worker_max_tasks_per_child=5, worker_max_memory_per_child=100000)")
    with project.worker("-P", "solo") as worker:
        worker.wait_for("tasks: ")
        assert worker.stop() == 0


def test_what_is_said_of_settings_is_said_once_and_in_a_line_each(project):
    with project.worker(app="proj") as before:
        before.wait_for("tasks: ")
        assert before.stop() == 0
    with_source(project, SETTINGS)
    with project.worker() as worker:
        worker.wait_for("tasks: ")
        assert worker.stop() == 0
    for name in NOTED:
        assert worker.said.count(name) == 1
    assert len(worker.said.splitlines()) == len(before.said.splitlines()) + len(NOTED)
    assert "run `celery beat` beside the workers" in worker.said
    done = project.run("call", "proj.add", "-a", "[1, 2]")
    assert [line.startswith("celeriac: ") for line in done.stderr.splitlines()] == [True] * len(NOTED)
    assert project.run("-q", "call", "proj.add", "-a", "[1, 2]").stderr == ""


def test_children_that_import_the_app_themselves_do_not_say_it_again(project):
    with_source(project, SETTINGS)
    with project.worker("--start-method", "spawn") as worker:
        worker.wait_for("tasks: ")
        task = project.prints("-q", "call", "proj.add", "-a", "[1, 2]")
        assert project.prints("-q", "result", task, "--timeout", "20") == "3"
        assert worker.stop() == 0
    for name in NOTED:
        assert worker.said.count(name) == 1


@pytest.mark.parametrize("colored", [None, False])
def test_lines_are_coloured_by_level_unless_the_settings_say_no(project, colored):
    with_source(project, f"app.conf.update(worker_log_color={colored!r}, worker_prefetch_multiplier=1)")
    command, environment = project.spelled("proj", "worker", "-c", "1", "-l", "INFO")
    environment.pop("NO_COLOR", None)
    with Terminal(command, cwd=project.folder, env=environment) as terminal:
        terminal.wait_for("worker_prefetch_multiplier has no effect", "tasks: proj.add")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == 0
        lines = terminal.written.decode().splitlines()
        (line,) = [line for line in lines if "worker_prefetch_multiplier has no effect" in line]
        assert ("\x1b[" in line) == (colored is None)
