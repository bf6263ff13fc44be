"""Commands of other packages: the entry points `celeriac.commands`, and `celery.commands` for those made for Celery."""

from __future__ import annotations

import os
from functools import cache, cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from celeriac.cli.global_options import QUIET
from celeriac.cli.loading import EXIT_FAILED, load_app

OURS, CELERYS = "celeriac.commands", "celery.commands"


@cache
def found() -> dict[str, EntryPoint]:
    """The entry points by the names of their commands; of two of one name the one made for us."""
    return {point.name: point for group in (CELERYS, OURS) for point in entry_points(group=group)}


def load(name: str) -> click.Command | None:
    """The command of that name, None where no package has one.

    One that cannot be loaded is told of on standard error; in its place is a command that says why and fails.
    """
    point = found().get(name)
    if point is None:
        return None
    try:
        command = point.load()
        if not isinstance(command, click.Command):
            raise TypeError(f"{point.value} is no click command")
    except Exception as error:
        reason = f"the command {name} ({point.value}) cannot be loaded: {type(error).__name__}: {error}"
        click.echo(f"celeriac: {reason}", err=True)
        return _broken(name)
    return _for_celery(command) if point.group == CELERYS else command


def _broken(name: str) -> click.Command:
    def fail(**_: Any) -> None:
        raise SystemExit(EXIT_FAILED)

    context = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(name, context, fail, short_help="Cannot be loaded.", add_help_option=False)


class CeleryContext:
    """What a command made for Celery finds in `ctx.obj`: the app, and how to print."""

    OK = "OK"
    ERROR = "Error"

    def __init__(self, context: click.Context) -> None:
        self._context = context
        self.no_color = context.color is False
        self.workdir = os.getcwd()
        self.quiet = bool(context.meta.get(QUIET))

    @cached_property
    def app(self) -> Any:
        """The app that `-A` names."""
        return load_app(self._context)

    def echo(self, message: Any = None, **options: Any) -> None:
        """Print, in colours or without."""
        click.echo(message, color=False if self.no_color else None, **options)

    def secho(self, message: Any = None, **style: Any) -> None:
        """Print with a style."""
        self.echo(self.style(message, **style))

    def error(self, message: Any = None, **options: Any) -> None:
        """Print on standard error."""
        self.echo(message, err=True, **options)

    def style(self, message: Any = None, **style: Any) -> str:
        """A text with a style."""
        return str(message) if self.no_color else click.style(message, **style)


def _for_celery(command: click.Command) -> click.Command:
    """The same command with such a context."""
    make = command.make_context

    def make_context(name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any) -> Any:
        context = None if parent is None else CeleryContext(parent)
        return make(name, args, parent, **{"obj": context, **extra})

    command.make_context = make_context  # type: ignore[assignment, method-assign]
    return command
