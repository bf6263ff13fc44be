"""`celeriac worker`: its options, and the worker."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from celeriac.cli.loading import app_name
from celeriac.cli.pool_options import pool_options

if TYPE_CHECKING:
    from celeriac.worker.options import Given


@click.command()
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
