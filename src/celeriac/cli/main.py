"""`celeriac`: the command, its options, and what it prints."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

import celeriac
from celeriac.cli.loading import EXIT_FAILED, EXIT_UNAVAILABLE, app_name, load_app
from celeriac.cli.pool_options import pool_options
from celeriac.exceptions import CeleriacError, ImproperlyConfigured

if TYPE_CHECKING:
    from celeriac.worker.options import Given


_ELSEWHERE = {
    "adopt": ("celeriac.cli.fleets", "adopt"),
    "dead": ("celeriac.cli.dead", "dead"),
    "delayed": ("celeriac.cli.delayed", "delayed"),
    "explain": ("celeriac.cli.tasks", "explain"),
    "hand-back": ("celeriac.cli.fleets", "hand_back"),
    "health": ("celeriac.cli.health", "health"),
    "init": ("celeriac.cli.init", "init"),
    "list": ("celeriac.cli.queues", "list_"),
    "purge": ("celeriac.cli.queues", "purge"),
    "queues": ("celeriac.cli.queues", "queues"),
    "result": ("celeriac.cli.tasks", "result"),
}
"""Commands in modules of their own."""


class _Commands(click.Group):
    """A group that loads a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*self.commands, *_ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, attribute = _ELSEWHERE[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-A", "--app", metavar="MODULE[:APP]", envvar="CELERIAC_APP", help="Where the app is.")
@click.version_option(celeriac.__version__, prog_name="celeriac")
@click.pass_context
def cli(context: click.Context, app: str | None) -> None:
    """Run and inspect background tasks."""
    context.obj = app


@cli.command()
@pool_options
@click.option("-n", "--hostname", default="celery@%h", show_default=True, help="Name of the worker; %h is the host.")
@click.option("-l", "--loglevel", default="WARNING", show_default=True, help="DEBUG, INFO, WARNING, ERROR, CRITICAL.")
@click.option("-f", "--logfile", help="Log into a file; %n, %h, %d, %p are the worker's name and its parts.")
@click.option("--log-format", help="`json`, or a format, instead of worker_log_format.")
@click.pass_context
def worker(
    context: click.Context,
    given: Given,
    start_method: str | None,
    hostname: str,
    loglevel: str,
    logfile: str | None,
    log_format: str | None,
) -> None:
    """Run tasks until told to stop (SIGTERM or Ctrl-C)."""
    from celeriac import ids
    from celeriac.worker.launcher import launch
    from celeriac.worker.options import WorkerOptions
    from celeriac.worker.pools import before_import

    if loglevel.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        raise click.UsageError(f"no log level is called {loglevel!r}")
    name = hostname.replace("%h", ids.hostname())
    pools = before_import(given)
    log = _log_options(name, log_format, logfile)
    options = WorkerOptions(app_name(context), name, pools, loglevel.upper(), *log, given, start_method)
    sys.exit(launch(options))


def _log_options(name: str, log_format: str | None, logfile: str | None) -> tuple[str | None, str | None]:
    """Format and file of a worker's log, checked while there is somebody to tell."""
    from celeriac.worker.log.nodename import expand
    from celeriac.worker.log.setup import check_format

    try:
        if log_format is not None:
            check_format(log_format)
        return log_format, None if logfile is None else expand(logfile, name)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


@cli.command()
@click.argument("name")
@click.option("-a", "--args", "arguments", default="[]", help="Positional arguments, as a JSON list.")
@click.option("-k", "--kwargs", "keywords", default="{}", help="Keyword arguments, as a JSON object.")
@click.option("-q", "--queue", help="Queue, instead of the task's own.")
@click.option("--countdown", type=float, help="Seconds to wait first.")
@click.pass_context
def call(
    context: click.Context, name: str, arguments: str, keywords: str, queue: str | None, countdown: float | None
) -> None:
    """Enqueue a task by name and print its id."""
    from celeriac.message import values

    try:
        args, kwargs = values.decode(arguments), values.decode(keywords)
    except ValueError as error:
        raise click.UsageError(f"not JSON: {error}") from error
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise click.UsageError("--args is a JSON list, --kwargs a JSON object")
    options = {} if queue is None else {"queue": queue}
    click.echo(load_app(context).send_task(name, args, kwargs, countdown=countdown, **options).id)


def main() -> None:
    """Run the command; an error of ours is one line, not a traceback."""
    try:
        cli(prog_name="celeriac")
    except CeleriacError as error:
        text = str(error)
        click.echo(f"celeriac: {text}" if f"[{error.code}" in text else f"celeriac: {text} [{error.code}]", err=True)
        sys.exit(EXIT_FAILED if isinstance(error, ImproperlyConfigured) else EXIT_UNAVAILABLE)
