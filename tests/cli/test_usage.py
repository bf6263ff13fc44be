"""What the command says when it cannot do what it is asked: on standard error, with the right exit code."""

from __future__ import annotations

import pytest

import celeriac
from celeriac.cli.main import COMMANDS as ALL
from celeriac.cli.main import cli

USAGE, FAILED, UNAVAILABLE = 2, 1, 69
COMMANDS = [
    *[("worker",), ("call", "proj.whoami"), ("result", "some-id"), ("queues",)],
    *[("dead", "list"), ("delayed", "list"), ("adopt",), ("hand-back",)],
]
ONE_OF_EACH_KIND = [("worker",), ("queues",)]
"""A worker imports the app in another process than the other commands."""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("nonsense",), "No such command"),
        (("wroker",), "No such command 'wroker'. Did you mean 'worker'?"),
        (("worker", "--nonsense"), "No such option"),
        (("worker", "-c", "many"), "--concurrency"),
        (("worker", "-l", "LOUD"), "LOUD"),
        (("worker", "-n", "w%x"), "%x in 'w%x@%h'"),
        (("worker", "-B"), "run `celery beat` beside this worker"),
        (("worker", "-O", "best"), "'default', 'fair'"),
        (("worker", "--autoscale", "ten"), "MOST,LEAST"),
        (("worker", "--autoscale", "10,3,1"), "MOST,LEAST"),
        (("worker", "--autoscale", "0"), "1 to 512 children"),
        (("worker", "--autoscale", "10,3", "-P", "threads"), "keeps its size"),
        (("worker", "--executable", "/absent/python"), "No such file"),
        (("worker", "--pidfile", "%x.pid"), "'%x.pid'"),
        (("worker", "-A", "proj"), "-A goes before the command"),
        (("worker", "--broker", "redis://"), "--broker goes before the command"),
        (("worker", "-Q", ","), "at least one queue"),
        (("worker", "-P", "eventlet"), "use gevent, threads or asyncio"),
        (("worker", "-P", "green"), "there are prefork, threads, asyncio, gevent, solo"),
        (("worker", "--add-pool", "a:threads:2"), "NAME:KIND:CONCURRENCY:QUEUE"),
        (("worker", "--add-pool", "a:threads:2:celery"), "both serve the queue 'celery'"),
        (("worker", "-P", "solo", "--max-tasks-per-child", "5"), "no child that could be replaced"),
        (("worker", "--time-limit", "1", "--soft-time-limit", "2"), "must not be longer"),
        (("worker", "--start-method", "magic"), "--start-method"),
        (("worker", "--log-format", "%(message"), "Invalid format"),
        (("worker", "-f", "%x.log"), "'%x.log'"),
        (("call",), "NAME"),
        (("call", "proj.add", "-a", "[1,"), "not JSON"),
        (("call", "proj.add", "-a", '{"x": 1}'), "--args is a JSON list"),
        (("call", "proj.add", "-k", "[1]"), "--kwargs is a JSON object"),
        (("call", "proj.add", "--countdown", "soon"), "--countdown"),
        (("call", "proj.add", "--eta", "soon"), "'soon' is no instant"),
        (("call", "proj.add", "--expires", "soon"), "'soon' is no instant"),
        (("call", "proj.add", "--countdown", "1", "--eta", "2031-01-01"), "not both"),
        (("call", "proj.add", "-a", "[1, 2]", "--countdown", "nan"), "C405"),
        (("call", "proj.ad"), "proj.ad is not known here; did you mean proj.add?"),
        (("call", "nothing.like.it"), "nothing.like.it is not known here (--force sends it all the same)"),
        (("call", "proj.add", "-a", "[1]"), "missing 1 required positional argument: 'y'"),
        (("call", "proj.add", "-a", "[1, 2]", "-k", '{"z": 1}'), "unexpected keyword argument 'z'"),
        (("result",), "ID"),
        (("result", "some-id", "--timeout", "long"), "--timeout"),
    ],
)
def test_wrong_use_exits_with_two_and_says_what_is_wrong(idle_project, arguments, complaint):
    done = idle_project.run(*arguments)
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["amqp", "beat", "control", "events", "graph", "inspect", "migrate"])
def test_what_celery_has_and_this_has_not_is_named_with_what_to_use_instead(idle_project, command):
    done = idle_project.run(command, "ping", "-d", "w1@here", "--json", "-h", app=None)
    assert (done.returncode, done.stdout) == (USAGE, "")
    *_, line = done.stderr.splitlines()
    assert line.startswith(f"Error: `celeriac {command}` ")
    assert command in idle_project.run("-h", app=None).stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_needs_an_app(idle_project, command):
    done = idle_project.run(*command, app=None)
    assert done.returncode == USAGE
    assert "name the app" in done.stderr


@pytest.mark.parametrize("command", ONE_OF_EACH_KIND)
@pytest.mark.parametrize(
    ("app", "complaint"),
    [
        ("absent", "there is no module 'absent' in "),
        ("absent.tasks:app", "there is no module 'absent' in "),
        ("proj:wrong", "proj has no 'wrong'; there is proj:app"),
        ("json", "no Celeriac app in 'json'"),
    ],
)
def test_app_that_is_not_there_is_wrong_use(idle_project, command, app, complaint):
    done = idle_project.run(*command, app=app)
    assert done.returncode == USAGE
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ONE_OF_EACH_KIND)
@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("def broken(:", 'mistaken.py", line 1\n'),
        ("import absent_library", "ModuleNotFoundError: No module named 'absent_library'"),
        ("raise RuntimeError('my own mistake')", "RuntimeError: my own mistake"),
        (
            "from celeriac import Celeriac\napp = Celeriac(result_expires='soon')",
            "result_expires cannot be 'soon' but a whole number or a number or None",
        ),
        (
            "from celeriac import Celeriac\napp = Celeriac(include=['absent_tasks'])",
            "ModuleNotFoundError: No module named 'absent_tasks'",
        ),
    ],
)
def test_app_that_fails_to_import_shows_its_own_error_and_its_place(idle_project, command, source, error):
    (idle_project.folder / "mistaken.py").write_text(f"{source}\n")
    done = idle_project.run(*command, app="mistaken")
    assert (done.returncode, done.stdout) == (FAILED, "")
    assert "cannot import mistaken" in done.stderr
    assert error in done.stderr
    assert len(done.stderr.splitlines()) <= 6
    assert "celeriac/" not in done.stderr


def test_log_that_cannot_be_written_is_one_clear_line(idle_project):
    done = idle_project.run("worker", "-f", "absent/worker.log")
    assert done.returncode == FAILED
    assert done.stderr == "celeriac: the log cannot be written to absent/worker.log: No such file or directory [C101]\n"


def test_version_and_help_need_no_app(idle_project):
    version = idle_project.run("--version", app=None)
    assert (version.returncode, version.stdout) == (0, f"celeriac, version {celeriac.__version__}\n")
    listed = idle_project.run("--help", app=None)
    assert listed.returncode == 0
    for command in ("worker", "call", "result", "queues"):
        assert command in listed.stdout


@pytest.mark.parametrize("command", [("worker",), ("call", "any")])
def test_settings_that_contradict_each_other_are_told_in_a_line(idle_project, command):
    url = "redis://user:hunter2@localhost/0"
    source = f"from celeriac import Celeriac\napp = Celeriac(broker={url!r}, task_time_limit=1, task_soft_time_limit=2)"
    (idle_project.folder / "mistaken.py").write_text(f"{source}\n")
    done = idle_project.run(*command, app="mistaken")
    assert (done.returncode, done.stdout) == (FAILED, "")
    assert done.stderr.startswith(
        "cannot import mistaken:\ntask_soft_time_limit = 2 is longer than task_time_limit = 1"
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [("worker",), ("call", "any")])
def test_a_traceback_shows_no_password(idle_project, command):
    source = (
        "from celeriac import Celeriac\napp = Celeriac(broker='redis://user:hunter2@localhost/0', worker_lease='x')"
    )
    (idle_project.folder / "mistaken.py").write_text(f"{source}\n")
    done = idle_project.run(*command, app="mistaken")
    assert done.returncode == FAILED
    assert "redis://user:********@localhost/0" in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("name", [name for name, (module, *_) in ALL.items() if module != "later"])
def test_the_line_of_a_command_in_the_list_begins_as_its_own_help(name):
    command = cli.get_command(cli.make_context("celeriac", [], resilient_parsing=True), name)
    assert command
    assert command.help
    assert command.help.split()[:2] == ALL[name][2].split()[:2]
