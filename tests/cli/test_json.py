"""Every command answers programs, too: `--json` is there, and what is printed then is JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import pytest

from celeriac.calls.sender import Call
from celeriac.cli.later import _INSTEAD as LATER
from celeriac.cli.main import cli
from tests.cli.project import Project
from tests.cli.store import app_of, bury, served

WITHOUT = {"worker", "multi", "shell", *LATER}
"""Those that run on, or talk with a person."""

UNAVAILABLE = 69
_ABOUT_FAILED = {"drop": "--all --yes", "export": "", "list": "", "replay": "--all --yes", "show": "FAILED"}
EXAMPLES: dict[str, str] = {
    "adopt": "",
    "call": "proj.add -a [1,2]",
    "completion": "bash",
    "dead drop": "--all --yes",
    "dead export": "",
    "dead list": "--group",
    "dead replay": "--all --yes",
    "dead show": "DEAD",
    "delayed cancel": "--all --yes",
    "delayed change": "DELAYED --countdown 2h",
    "delayed list": "",
    "delayed show": "DELAYED",
    "explain": "DELAYED",
    **{f"failed {name}": f"{options}" for name, options in _ABOUT_FAILED.items()},
    "hand-back": "",
    "health": "",
    "init": "plain fresh",
    "list bindings": "",
    "logtool debug": "log",
    "logtool errors": "log",
    "logtool incomplete": "log",
    "logtool stats": "log",
    "logtool traces": "log",
    "purge": "-f",
    "queues": "",
    "queues pause": "q",
    "queues peek": "celery",
    "queues purge": "celery --yes",
    "queues resume": "q",
    "report": "",
    "result": "DELAYED",
    "status": "-t 0",
    "top": "-i 0.1",
    "upgrade settings": "old.py",
}


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """All commands that do something, with their names."""
    if not isinstance(command, click.Group) or (path and command.invoke_without_command):
        yield " ".join(path), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from leaves(below, (*path, name))


COMMANDS = {name: command for name, command in leaves(cli) if name.split()[0] not in WITHOUT}


@pytest.mark.parametrize("name", COMMANDS)
def test_it_knows_json(name):
    assert any("--json" in option.opts for option in COMMANDS[name].params)
    assert name in EXAMPLES


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """What each of them prints where there is something of everything, those that take away at the end."""
    project = Project.make(tmp_path_factory.mktemp("json"), "sqlite:///tasks.db")
    # `health` asks all workers of this machine otherwise, those of other tests as well.
    alone = {"CELERIAC_RUNTIME_DIR": str(project.folder)}
    (project.folder / "old.py").write_text("BROKER_URL = 1\n")
    (project.folder / "log").write_text("[2026-11-21 17:20:08,560: INFO/MainProcess] Task shop.pay[id-1] received\n")
    with app_of(project) as app, served(app):
        words = {"DELAYED": app.send_task("proj.add", (1, 2), countdown=3600).id}
        (words["DEAD"],) = bury(app, Call(task="proj.add", args=(1, 2)))
        (words["FAILED"],) = bury(app, Call(task="proj.add", args=(1, 2)), failed=True)
        app.send_task("proj.add", (3, 4))
        found = {}
        for name in sorted(EXAMPLES, key=lambda name: name.split()[-1] in ("drop", "cancel", "purge", "replay")):
            arguments = [words.get(word, word) for word in EXAMPLES[name].split()]
            done = project.run(*name.split(), *arguments, "--json", environment=alone)
            found[name] = (done.returncode, done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", EXAMPLES)
def test_what_it_prints_is_json(name, answers):
    code, printed = answers[name]
    if name in ("adopt", "hand-back", "health"):
        assert code in (1, UNAVAILABLE)  # there is nothing to hand over in a file, and nobody here
        return
    assert code == {"result": 1, "status": 0}.get(name, 0), printed
    assert json.loads(printed) is not None
