"""`celeriac`: the command, its options, and what it prints."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

import celeriac
from celeriac.cli.global_options import global_options
from celeriac.cli.loading import EXIT_CODES, EXIT_FAILED
from celeriac.exceptions import CeleriacError, with_code

_LATER = ("amqp", "beat", "control", "events", "graph", "inspect", "migrate")

COMMANDS = {
    "adopt": ("celeriac.cli.fleets", "adopt"),
    **{name: ("celeriac.cli.later", name) for name in _LATER},
    "call": ("celeriac.cli.call", "call"),
    "completion": ("celeriac.cli.completion", "completion"),
    "dead": ("celeriac.cli.dead", "dead"),
    "delayed": ("celeriac.cli.delayed", "delayed"),
    "explain": ("celeriac.cli.tasks", "explain_"),
    "failed": ("celeriac.cli.dead", "failed"),
    "hand-back": ("celeriac.cli.fleets", "hand_back"),
    "health": ("celeriac.cli.health", "health"),
    "init": ("celeriac.cli.init", "init"),
    "list": ("celeriac.cli.queues", "list_"),
    "logtool": ("celeriac.cli.logtool", "logtool"),
    "multi": ("celeriac.cli.multi", "multi"),
    "purge": ("celeriac.cli.queues", "purge"),
    "queues": ("celeriac.cli.queues", "queues"),
    "report": ("celeriac.cli.report", "report"),
    "result": ("celeriac.cli.tasks", "result"),
    "shell": ("celeriac.cli.shell", "shell"),
    "status": ("celeriac.cli.status", "status"),
    "top": ("celeriac.cli.top", "top"),
    "upgrade": ("celeriac.cli.upgrade", "upgrade"),
    "worker": ("celeriac.cli.worker", "worker"),
}
"""Module and name of each command; loaded when it is asked for."""


class _Commands(click.Group):
    """A group that loads a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from celeriac.cli import plugins

        return sorted({*self.commands, *COMMANDS, *plugins.found()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            from celeriac.cli import plugins

            return super().get_command(ctx, cmd_name) or plugins.load(cmd_name)
        module, attribute = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and not ctx.resilient_parsing and name not in COMMANDS:
            known = self.list_commands(ctx)
            if name in known:
                return super().resolve_command(ctx, args)
            import difflib

            near = difflib.get_close_matches(name, known, n=1)
            ctx.fail(f"No such command {name!r}.{f' Did you mean {near[0]!r}?' if near else ''}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            if any(error.option_name in option.opts for option in self.params):
                text = f"{error.option_name} goes before the command: celeriac {error.option_name} ... COMMAND"
                raise click.UsageError(text, error.ctx) from error
            raise


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@global_options
@click.version_option(celeriac.__version__, prog_name="celeriac")
@click.pass_context
def cli(context: click.Context, app: str | None) -> None:
    """Run and inspect background tasks."""
    context.obj = app
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Run the command; an error of ours is one line, not a traceback."""
    if any("://" in word for word in sys.argv):
        from celeriac.cli.passwords import hide_passwords

        hide_passwords()
    try:
        cli(prog_name="celeriac", auto_envvar_prefix="CELERY")
    except CeleriacError as error:
        click.echo(f"celeriac: {with_code(error)}", err=True)
        sys.exit(EXIT_CODES.get(error.code, EXIT_FAILED))
