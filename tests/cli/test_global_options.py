"""The options before the command: what they change for it, and Celery's variables for the same."""

from __future__ import annotations

import json
import os
import pty

import pytest

from tests.cli.project import Project

USAGE = 2
OTHER = "sqlite:///other.db"


@pytest.fixture
def elsewhere(idle_project: Project) -> Project:
    """A project with a task in another database than its own."""
    (idle_project.folder / "pyproject.toml").touch()
    task = idle_project.run("-b", OTHER, "call", "proj.add", "-a", "[1, 2]")
    assert task.returncode == 0
    return idle_project


def ready(project, *options, **environment):
    """How many tasks the command sees."""
    done = project.run(*options, "queues", "--json", environment=environment)
    assert done.returncode == 0, done.stderr
    return sum(row["ready"] for row in json.loads(done.stdout))


def test_the_broker_counts_before_what_the_app_says(elsewhere):
    assert ready(elsewhere) == 0
    assert ready(elsewhere, "--broker", OTHER) == 1
    assert ready(elsewhere, CELERY_BROKER_URL=OTHER) == 1
    assert ready(elsewhere, CELERY_BROKER=OTHER) == 1
    assert ready(elsewhere, "-b", OTHER, CELERIAC_BROKER_URL="sqlite:///third.db") == 1


def test_the_app_is_named_by_a_variable(elsewhere):
    for variable in ("CELERIAC_APP", "CELERY_APP"):
        done = elsewhere.run("queues", "--json", app=None, environment={variable: "proj"})
        assert (done.returncode, done.stdout) == (0, "[]\n")


def test_the_folder_is_gone_to_before_the_app_is_looked_for(idle_project, tmp_path_factory):
    away = Project(tmp_path_factory.mktemp("away"), idle_project.broker)
    assert away.run("queues").returncode == USAGE
    assert away.run("--workdir", str(idle_project.folder), "queues").returncode == 0
    done = away.run("--workdir", "absent", "queues")
    assert done.returncode == USAGE
    assert "--workdir absent: No such file or directory" in done.stderr


def test_settings_are_those_of_the_module_that_is_named(idle_project):
    (idle_project.folder / "proj.py").write_text(
        "from celeriac import Celeriac\napp = Celeriac('proj')\nprint(app.conf.task_default_queue)"
    )
    (idle_project.folder / "other.py").write_text("task_default_queue = 'aside'")
    assert idle_project.prints("--config", "other", "queues", "--json").splitlines() == ["aside", "[]"]
    done = idle_project.run("queues", "--json", environment={"CELERY_CONFIG_MODULE": "other"})
    assert done.stdout.splitlines() == ["aside", "[]"]
    done = idle_project.run("--config", "absent", "queues")
    assert done.returncode == 1
    assert "No module named 'absent'" in done.stderr


def test_an_app_with_settings_of_its_own_says_that_a_named_module_changes_nothing(idle_project):
    (idle_project.folder / "proj.py").write_text(
        "from celeriac import Celeriac\napp = Celeriac('proj')\napp.config_from_object('own')\nprint(app.conf.timezone)"
    )
    (idle_project.folder / "own.py").write_text("timezone = 'Europe/Rome'")
    done = idle_project.run("--config", "other", "queues", "--json")
    assert (done.returncode, done.stdout.splitlines()) == (0, ["Europe/Rome", "[]"])
    assert "CELERY_CONFIG_MODULE=other has no effect here" in done.stderr


@pytest.mark.parametrize(("name", "code"), [("app", 0), ("celery.loaders.app:AppLoader", 0), ("my.Loader", USAGE)])
def test_a_loader_of_ones_own_is_refused(idle_project, name, code):
    done = idle_project.run("--loader", name, "queues")
    assert done.returncode == code
    assert ("there are no loaders" in done.stderr) == (code != 0)


def test_without_a_command_there_is_help(idle_project):
    done = idle_project.run(app=None)
    assert done.returncode == 0
    assert "Commands:" in done.stdout


def test_quiet_leaves_out_what_nobody_asked_for(idle_project):
    options = ("worker", "-E", "-S", "state.db", "--prefetch-multiplier", "1", "--without-gossip", "-O", "fair")
    said = idle_project.run(*options, app="absent").stderr.splitlines()
    assert said[:3] == [
        "celeriac: --events has no effect yet: events come later",
        "celeriac: --statedb has no effect: the store remembers what was revoked",
        "celeriac: --prefetch-multiplier has no effect: a worker claims only what its children are about to run",
    ]
    assert len(said) == 4
    quiet = idle_project.run("-q", *options, app="absent").stderr.splitlines()
    assert quiet == said[3:]


def test_variables_of_celery_for_options_of_the_worker_are_read(idle_project):
    done = idle_project.run("worker", environment={"CELERY_WORKER_LOGLEVEL": "LOUD"})
    assert done.returncode == USAGE
    assert "no log level is called 'LOUD'" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "variables", "colours"),
    [((), {}, True), (("-C",), {}, False), ((), {"NO_COLOR": "yes"}, False)],
)
def test_the_log_has_colours_on_a_terminal_unless_nobody_wants_them(idle_project, options, variables, colours):
    ours, theirs = pty.openpty()
    process = idle_project.start(*options, "-A", "proj", "worker", "--purge", stderr=theirs, environment=variables)
    os.close(theirs)
    said = b""
    while b"purged 0 messages" not in said:
        said += os.read(ours, 1 << 16)
    process.terminate()
    assert process.wait() == 0
    os.close(ours)
    assert (b"\x1b[" in said) == colours
