"""All commands there are, each as somebody would type it; from the commands themselves, so that none is forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import click

from celeriac.cli.main import cli

_OPTIONS = {
    ("call",): ("--force",),
    ("dead", "drop"): ("--all", "--yes"),
    ("dead", "replay"): ("--all", "--yes"),
    ("failed", "drop"): ("--all", "--yes"),
    ("failed", "replay"): ("--all", "--yes"),
    ("delayed", "cancel"): ("--all", "--yes"),
    ("delayed", "change"): ("--countdown", "1"),
    ("purge",): ("--force",),
    ("queues", "purge"): ("--yes",),
}
"""What a command needs to be said beside its arguments."""

WITHOUT_STORE = {
    "completion": "it prints what a shell reads",
    "init": "it writes a project",
    "logtool": "it reads files",
    "multi": "it starts and stops workers by their pidfiles",
    "report": "it says what is known here",
    "shell": "it waits for somebody to type",
    "upgrade": "it reads files",
    "health": "it asks the workers of this machine",
    **dict.fromkeys(("amqp", "beat", "control", "events", "graph", "inspect", "migrate"), "they are not there yet"),
}
"""Commands that ask no store, and why."""


def every_command() -> dict[tuple[str, ...], click.Command]:
    """Each command by its words."""
    return dict(_below(cli, ()))


def _below(group: click.Group, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield (*words, name), command
            yield from _below(command, (*words, name))
        else:
            yield (*words, name), command


def typed() -> list[tuple[str, ...]]:
    """Each command that asks the store, as it may be typed."""
    return [
        (*words, *_arguments(command), *_OPTIONS.get(words, ()))
        for words, command in every_command().items()
        if words[0] not in WITHOUT_STORE and words != ("worker",)
    ]


def _arguments(command: click.Command) -> list[str]:
    required = [each for each in command.params if isinstance(each, click.Argument) and each.required]
    return [str(each.type.choices[0]) if isinstance(each.type, click.Choice) else "some" for each in required]
