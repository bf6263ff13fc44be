"""Long work shows how far it is: on a terminal, and there only."""

from __future__ import annotations

import json

import pytest

from celeriac.calls.sender import Call
from celeriac.cli.progress import progress
from tests.cli.store import app_of, bury, served
from tests.cli.terminal import Terminal

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("command", "bar"),
    [
        ("purge -f", "purging"),
        ("dead drop --all --yes", "dropping"),
        ("dead replay --all --yes", "replaying"),
        ("delayed cancel --all --yes", "cancelling"),
    ],
)
def test_a_bar_on_a_terminal_and_none_in_a_pipe(project, command, bar):
    def fill() -> None:
        for number in range(3):
            app.send_task("proj.add", (number, 1))
            app.send_task("proj.add", (number, 1), countdown=3600)
        bury(app, *(Call(task="proj.add", args=(number, 1)) for number in range(3)))

    with app_of(project) as app, served(app):
        fill()
        spelled, environment = project.spelled("proj", *command.split())
        with Terminal(spelled, cwd=project.folder, env={**environment, "TERM": "xterm"}) as terminal:
            assert terminal.end() == 0
            shown = terminal.line(bar)
            assert "3/3" in shown
        fill()
        piped = project.run(*command.split(), "--json")
        assert (piped.returncode, piped.stderr) == (0, "")
        assert min(json.loads(piped.stdout).values()) >= 3


def test_nobody_to_show_it_to():
    with progress("nothing", 100, as_json=False) as reach:
        assert reach is None
