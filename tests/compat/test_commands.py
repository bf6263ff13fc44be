"""Every command and flag of a real Celery is known to ours."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from celeriac.cli.main import cli
from tests.cli.commands import every_command

_FLAGS = """
import json
import click
from celery.bin.celery import celery

def flags(command):
    return [name for option in command.params for name in option.opts + option.secondary_opts if name.startswith("-")]

def walk(group, words):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from walk(command, [*words, name])
        else:
            yield " ".join([*words, name]), flags(command)

print(json.dumps({"": flags(celery), **dict(walk(celery, []))}))
"""

LATER = {"amqp", "beat", "control", "events", "graph", "inspect", "migrate"}
"""Commands that say of themselves that they are not here yet."""


@pytest.fixture(scope="module")
def theirs(celery_python: Path) -> Any:
    """The flags of each of Celery's commands, and under no name those before the command."""
    done = subprocess.run([celery_python, "-c", _FLAGS], capture_output=True, text=True, timeout=50, check=True)
    return json.loads(done.stdout)


def test_every_command_and_flag_of_celery_is_known(theirs):
    ours = {" ".join(words): command.params for words, command in every_command().items()} | {"": cli.params}
    flags = {name: {flag for option in options for flag in option.opts} for name, options in ours.items()}
    here = {name: set(known) for name, known in theirs.items() if name.partition(" ")[0] not in LATER}
    assert here.keys() <= flags.keys()
    assert {name: known - flags[name] for name, known in here.items() if known - flags[name]} == {}
    assert len(here["worker"]) > 45
    assert {name.partition(" ")[0] for name in theirs} - {name.partition(" ")[0] for name in flags} == set()
