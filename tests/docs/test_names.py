"""What the pages name exists: settings, commands with their flags, and files of the repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from celeriac.cli.main import cli
from celeriac.config import TABLE
from celeriac.config.table import OLD_NAMES
from tests.docs.blocks import PAGES, ROOT

PROSE = [page for page in PAGES if page.name not in ("decisions.md", "settings.md")]
SETTING = re.compile(
    r"`((?:accept|beat|broker|event|message|redis|result|task|worker|dead_letter|failed)_[a-z_]+[a-z])\b"
)
NO_SETTINGS = {"task_id", "task_name", "task_cls", "task_prerun", "worker_process_init", "message_max"}
"""Fields of logs, arguments of the app, signals of Celery's, a beginning."""
COMMAND = re.compile(r"`celeriac(?: -A \S+)? ([a-z][a-z-]*)(?: ([a-z]+)\b)?([^`]*)`")
PATH = re.compile(r"`((?:tests|src|docs|tools|bench)/[\w./-]+)`")


def prose(page: Path) -> str:
    """The page without its blocks, and without the names that are said to be missing."""
    return re.sub(r"^ *```.*?^ *```$|^\| missing from [^\n]*$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def flags(command: click.Command) -> set[str]:
    """Every form of every option."""
    return {form for option in command.params for form in (*option.opts, *option.secondary_opts)} | {"--help"}


def commands(text: str) -> Iterator[tuple[click.Command | None, str]]:
    """Each command that a page names, and what stands behind it."""
    context = click.Context(cli)
    for word, below, rest in COMMAND.findall(text):
        command = cli.get_command(context, word)
        found = command.get_command(context, below) if isinstance(command, click.Group) and below else None
        yield found or command, f"{word} {below}{rest}"


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_it_names_exists(page):
    text = prose(page)
    named = set(SETTING.findall(text)) - NO_SETTINGS
    assert named - TABLE.keys() - set(OLD_NAMES) == set()
    for command, line in commands(text):
        assert command is not None, line
        assert set(re.findall(r"(?<=\s)--?[a-z][a-z-]*", line)) <= flags(command), line
    for path in PATH.findall(text):
        assert (ROOT / path).exists(), path
