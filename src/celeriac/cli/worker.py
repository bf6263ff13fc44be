"""`celeriac worker`: its options, and the worker."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, NoReturn

import click

from celeriac.cli.celerys_options import celerys_options
from celeriac.cli.global_options import QUIET, note
from celeriac.cli.loading import EXIT_FAILED, app_name, load_app
from celeriac.cli.pool_options import name_list, pool_options

if TYPE_CHECKING:
    from celeriac.worker.options import Given, Scale, WorkerOptions

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "FATAL")


@click.command()
@pool_options
@click.option("-I", "--include", default="", help="Modules to import beside those of the app, with commas between.")
@click.option("--purge", "--discard", is_flag=True, help="Drop first what waits in the queues.")
@click.option("-n", "--hostname", default="celery@%h", show_default=True, help="Name of the worker; %h is the host.")
@click.option("-l", "--loglevel", default="WARNING", show_default=True, help=f"{', '.join(_LEVELS)}.")
@click.option("-f", "--logfile", help="Log into a file; %n, %h, %d, %p are the worker's name and its parts.")
@click.option("--log-format", help="`json`, or a format, instead of worker_log_format.")
@click.option("-D", "--detach", is_flag=True, help="Go on in the background, once the app can be imported.")
@click.option("--pidfile", help="A file for the process id, which no two workers have at once; %n as in --logfile.")
@click.option("--uid", help="Run as this user, by name or number.")
@click.option("--gid", help="Run as this group.")
@click.option("--umask", help="What files are made without: octal if it begins with 0.")
@click.option("--reload", is_flag=True, help="Read the code anew whenever a file of it changes: for development.")
@click.option("--executable", help="Run by another Python.")
@celerys_options
@click.pass_context
def worker(
    context: click.Context,
    /,
    given: Given,
    start_method: str | None,
    scale: Scale | None,
    include: str,
    purge: bool,
    hostname: str,
    loglevel: str,
    logfile: str | None,
    log_format: str | None,
    executable: str | None,
    reload: bool,
    **daemon: Any,
) -> None:
    """Run tasks until told to stop (SIGTERM or Ctrl-C)."""
    from celeriac.worker.options import WorkerOptions
    from celeriac.worker.pools import before_import
    from celeriac.worker.system.descriptors import open_standard

    open_standard()
    level = loglevel.upper()
    if level not in _LEVELS:
        raise click.UsageError(f"no log level is called {loglevel!r}")
    if executable is not None:
        _run_by(executable)
    name = _name(hostname)
    log = _log_options(name, log_format, logfile)
    shown = not (context.meta.get(QUIET) or daemon["detach"])
    pools = before_import(given)
    if reload and any(pool.kind == "solo" for pool in pools):
        raise click.UsageError("--reload: a solo worker has one process, which cannot import the code a second time")
    options = WorkerOptions(
        app_name(context),
        name,
        pools,
        "CRITICAL" if level == "FATAL" else level,
        *log,
        given,
        start_method,
        name_list(include),
        purge,
        scale,
        shown=shown,
        begun=time.monotonic(),
        reload=reload,
    )
    _run(context, options, **daemon)


def _run(
    context: click.Context,
    options: WorkerOptions,
    detach: bool,
    pidfile: str | None,
    uid: str | None,
    gid: str | None,
    umask: str | None,
) -> NoReturn:
    """Become what is asked for, and then the launcher of the worker."""
    from celeriac.exceptions import ImproperlyConfigured
    from celeriac.worker.launch_spec import LaunchSpec
    from celeriac.worker.system.daemon import Detached, become, mask
    from celeriac.worker.system.pidfile import Pidfile
    from celeriac.worker.system.stopping import HEARD_SIGNALS

    try:
        if umask is not None:
            os.umask(mask(umask))
        become(uid, gid)
    except ImproperlyConfigured as error:
        raise click.UsageError(str(error)) from error
    if not os.access(sys.executable, os.X_OK):
        # Nothing can be loaded any more, either: a usage error would try to.
        print(f"celeriac: {uid or gid} may not run {sys.executable}: install Python where they may", file=sys.stderr)
        sys.exit(EXIT_FAILED)
    if options.log_file is not None:
        from celeriac.worker.log.log_thread import Log

        # What keeps it from being written is said while there is somebody to hear it.
        Log(options.log_file)
    path = None if pidfile is None else _expanded(pidfile, options.name)
    held = None if path is None else Pidfile(path)
    detached = None
    if detach:
        if held is not None:
            held.check()
        _try(context, options)
        detached = Detached(options.log_file)
    # Who finds the pidfile may send a signal at once: it waits until the launcher listens.
    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD_SIGNALS)
    with held or contextlib.nullcontext():
        if detached is not None:
            detached.ready()
        LaunchSpec(options, path, sys.path).execute()


def _try(context: click.Context, options: WorkerOptions) -> None:
    """Say what keeps the worker from starting while there is somebody to hear it; ends the command then."""
    from celeriac.worker.system.daemon import aside

    if options.log_file is None:
        note(context, "the log goes nowhere: say --logfile")
    # What is to become the launcher must stay clean, and gevent come before the app.
    code = aside(lambda: load_app(context, options.include))
    if code:
        sys.exit(code)


def _run_by(executable: str) -> None:
    """Go on as another Python's process, with the same command line but for this option."""
    arguments = sys.argv[1:]
    for at, word in enumerate(arguments):
        if word.startswith("--executable"):
            del arguments[at : at + (1 if "=" in word else 2)]
            break
    try:
        os.execv(executable, [executable, "-m", "celeriac", *arguments])
    except OSError as error:
        raise click.UsageError(f"--executable {executable}: {error.strerror}") from error


def _name(hostname: str) -> str:
    from celeriac.worker.log.nodename import worker_name

    try:
        return worker_name(hostname)
    except ValueError as error:
        raise click.UsageError(f"--hostname: {error}") from error


def _expanded(path: str, name: str) -> str:
    from celeriac.worker.log.nodename import expand

    try:
        return os.path.expanduser(expand(path, name))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _log_options(name: str, log_format: str | None, logfile: str | None) -> tuple[str | None, str | None]:
    """Format and file of a worker's log, checked while there is somebody to tell."""
    if log_format is not None:
        from celeriac.worker.log.setup import check_format

        try:
            check_format(log_format)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
    return log_format, None if logfile is None else _expanded(logfile, name)
