"""Commands of other packages, found by their entry points in a folder as pip leaves it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.cli.project import Project

pytestmark = pytest.mark.slow

MODULE = """
import click


@click.command()
@click.option("--loud", is_flag=True)
@click.pass_context
def blossom(context, loud):
    '''Bring flowers.'''
    app = context.obj.app
    context.obj.echo(f"{app.main} {sorted(app.tasks)[0]} {loud} {context.obj.no_color}")


@click.command()
@click.pass_obj
def stem(app):
    click.echo(f"stem of {app}")


nothing = 5
"""
ENTRY_POINTS = """
[celery.commands]
blossom = garden:blossom
stem = garden:gone
withered = garden:gone
hollow = garden:nothing
call = garden:stem

[celeriac.commands]
stem = garden:stem
"""


@pytest.fixture
def garden(idle_project: Project) -> Project:
    """A project beside which such a package is installed."""
    (idle_project.folder / "garden.py").write_text(MODULE)
    package = idle_project.folder / "garden-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: garden\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(ENTRY_POINTS)
    return idle_project


def run(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    command, environment = project.spelled("proj", *arguments)
    path = os.pathsep.join([str(project.folder), *filter(None, sys.path)])
    return subprocess.run(
        command,
        cwd=project.folder,
        env={**environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_command_made_for_celery_finds_the_app(garden):
    assert run(garden, "blossom", "--loud").stdout == "proj proj.add True False\n"
    assert run(garden, "-C", "blossom").stdout == "proj proj.add False True\n"


def test_of_two_commands_of_one_name_ours_counts_and_none_replaces_a_builtin_one(garden):
    assert run(garden, "stem").stdout == "stem of proj\n"
    assert "Enqueue a task" in run(garden, "call", "--help").stdout


def test_a_broken_one_is_told_of_and_harms_nobody(garden):
    shown = run(garden, "--help")
    assert shown.returncode == 0
    assert "Bring flowers." in shown.stdout
    assert "withered" in shown.stdout
    assert "the command withered (garden:gone) cannot be loaded: AttributeError" in shown.stderr
    assert "hollow (garden:nothing) cannot be loaded: TypeError" in shown.stderr
    called = run(garden, "withered", "--whatever", "x")
    assert (called.returncode, len(called.stderr.splitlines())) == (1, 1)
    quiet = run(garden, "queues")
    assert (quiet.returncode, quiet.stderr) == (0, "")
