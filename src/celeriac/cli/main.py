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

COMMANDS = {
    "adopt": ("fleets", "adopt", "Take over what Celery workers held that died."),
    "amqp": ("later", "amqp", "Not here: comes with RabbitMQ."),
    "beat": ("later", "beat", "Not here: comes later."),
    "call": ("call", "call", "Enqueue a task by name and print its id."),
    "completion": ("completion", "completion", "Print the script that makes a shell complete `celeriac`."),
    "control": ("later", "control", "Not here: comes later."),
    "dead": ("dead", "dead", "Look at messages that were set aside, put them back, drop them."),
    "delayed": ("delayed", "delayed", "Look at tasks that wait for their time, change or cancel them."),
    "events": ("later", "events", "Not here: comes later."),
    "explain": ("tasks", "explain_", "Say where a task is and why, in one line."),
    "failed": ("dead", "failed", "Look at tasks that failed, run them again."),
    "graph": ("later", "graph", "Not here: a worker has no steps that could be drawn."),
    "hand-back": ("fleets", "hand_back", "Give everything to Celery: stop the workers of Celeriac first."),
    "health": ("health", "health", "Ask the workers of this user and machine how they are."),
    "init": ("init", "init", "Write a project: tasks, settings, tests, a README, CI and more."),
    "inspect": ("later", "inspect", "Not here: comes later."),
    "list": ("queues", "list_", "List what the broker has."),
    "logtool": ("logtool", "logtool", "Read logs of workers, as text or JSON, ours or Celery's."),
    "migrate": ("later", "migrate", "Not here: comes later."),
    "multi": ("multi", "multi", "Start and stop several workers in the background."),
    "purge": ("queues", "purge", "Drop all messages that are ready."),
    "queues": ("queues", "queues", "Count the messages in each queue; look, pause, empty."),
    "report": ("report", "report", "Show software, platform and settings, without passwords."),
    "result": ("tasks", "result", "Print the result of a task."),
    "shell": ("shell", "shell", "Start an interpreter with the app and all tasks by their names."),
    "status": ("status", "status", "Show the workers that are there and what they run."),
    "top": ("top", "top", "Watch workers, what they run, queues and dead letters."),
    "upgrade": ("upgrade", "upgrade", "Bring files written for older versions up to date."),
    "worker": ("worker", "worker", "Run tasks until told to stop (SIGTERM or Ctrl-C)."),
}
"""The module and name of each command, loaded when it is asked for, and its line in the list of all."""


class _Commands(click.Group):
    """A group that loads a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from celeriac.cli import plugins

        return sorted({*self.commands, *COMMANDS, *plugins.found()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            from celeriac.cli import plugins

            return super().get_command(ctx, cmd_name) or plugins.load(cmd_name)
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"celeriac.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading those of our own: 0.13 s in place of 0.25."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._line(ctx, name)) for name in self.list_commands(ctx)])

    def _line(self, ctx: click.Context, name: str) -> str:
        if name in COMMANDS:
            return COMMANDS[name][2]
        command = self.get_command(ctx, name)
        return command.get_short_help_str(60) if command else ""

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
