"""`celeriac multi`: several workers in the background, by their pidfiles."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from shlex import join

import click

from celeriac.cli.global_options import QUIET, URL_VARIABLES
from celeriac.cli.loading import EXIT_FAILED
from celeriac.cli.nodes import Line, Node
from celeriac.worker.system.pidfile import Pidfile, lives

_LOOK_SECONDS = 0.1
_FOR_US = {"--nosplash", "--quiet", "-q", "--verbose", "--no-color"}
_USAGE = """Start and stop several workers in the background.

\b
  celeriac -A proj multi start 3 -c 4 --pidfile=/run/proj/%n.pid --logfile=/var/log/proj/%n.log
  celeriac -A proj multi start web mail -Q:web web -Q:mail mail,celery -c:1 10
  celeriac multi stopwait web mail --pidfile=/run/proj/%n.pid

\b
  start NAMES|COUNT      start them, each with the options of `celeriac worker`
  stop, stopwait         send SIGTERM, or the signal that -INT, -QUIT, -9 name; wait for their end
  restart                stop them, wait, start them
  kill                   send SIGKILL
  names, show            print their names, or how they are started
  get NAME NAMES         print how one of them is started
  expand TEXT NAMES      print a text with the parts of each name in it
  help                   print this

An option is for all workers, or for those named behind a colon, by name, place or range: -c:web, -c:1, -c:1-3, -c:1,3.
Long options need an equals sign. In values, %n is the name of a worker, %h its host, %p both. What follows -- comes
last on each worker's command line.

Without --pidfile and --logfile they are /var/run/celery/%n.pid and /var/log/celery/%n%I.log.
"""


@click.command(
    help=_USAGE,
    short_help="Start and stop several workers in the background.",
    context_settings={
        "help_option_names": ["--help"],
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
    },
)
@click.argument("verb")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def multi(context: click.Context, verb: str, words: tuple[str, ...]) -> None:
    """Do what the verb says with the workers that are named."""
    if verb == "help":
        click.echo(context.get_help())
        return
    if verb not in _VERBS:
        raise click.UsageError(f"there is no {verb!r}; there are {', '.join(sorted([*_VERBS, 'help']))}")
    if {"-q", "--quiet"} & {*words}:
        context.meta[QUIET] = True
    rest = [word for word in words if word not in _FOR_US]
    take, act = _VERBS[verb]
    arguments, rest = rest[:take], rest[take:]
    line = Line.read(rest)
    number = line.take_signal(signal.SIGTERM)
    try:
        nodes = line.nodes(context.obj)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if len(arguments) < take or not nodes:
        raise click.UsageError("name the workers, or say how many")
    act(context, nodes, number, *arguments)


def _start(context: click.Context, nodes: list[Node], number: int) -> None:
    _say(context, "> Starting nodes...")
    started = [_start_one(context, node) for node in nodes]
    if not all(started):
        sys.exit(EXIT_FAILED)


def _start_one(context: click.Context, node: Node) -> bool:
    for file in (node.pidfile, node.logfile):
        folder = Path(file).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            click.echo(f"celeriac: {file} cannot be had: {error.strerror}; say --pidfile and --logfile", err=True)
            sys.exit(EXIT_FAILED)
    # Each process on the way to the worker would show the URLs, until it has hidden them.
    command = [*_python(node), *node.command(without=URL_VARIABLES)]
    good = subprocess.run(command, env={**os.environ, **node.variables()}, check=False).returncode == 0
    _say(context, f"\t> {node.name}: {'OK' if good else 'FAILED'}")
    return good


def _whole(node: Node) -> list[str]:
    return [*_python(node), *node.command()]


def _python(node: Node) -> list[str]:
    return [node.options.get("--executable") or sys.executable, "-m", "celeriac"]


def _signal(context: click.Context, nodes: list[Node], number: int) -> dict[Node, int]:
    """Those that got the signal, with their process ids."""
    told = {}
    for node in nodes:
        pid = Pidfile(node.pidfile).read()
        if pid is None or not lives(pid):
            _say(context, f"> {node.name}: DOWN")
            continue
        try:
            os.kill(pid, number)
        except PermissionError:
            click.echo(f"celeriac: {node.name}: process {pid} is somebody else's", err=True)
            sys.exit(EXIT_FAILED)
        except ProcessLookupError:
            continue
        _say(context, f"\t> {node.name}: {signal.Signals(number).name} -> {pid}")
        told[node] = pid
    return told


def _stop(context: click.Context, nodes: list[Node], number: int) -> None:
    _say(context, "> Stopping nodes...")
    _signal(context, nodes, number)


def _stop_and_wait(context: click.Context, nodes: list[Node], number: int) -> None:
    _say(context, "> Stopping nodes...")
    left = _signal(context, nodes, number)
    while left:
        for node in [node for node, pid in left.items() if not lives(pid)]:
            del left[node]
            _say(context, f"\t> {node.name}: OK")
        if left:
            time.sleep(_LOOK_SECONDS)


def _restart(context: click.Context, nodes: list[Node], number: int) -> None:
    _stop_and_wait(context, nodes, number)
    _start(context, nodes, number)


def _kill(context: click.Context, nodes: list[Node], number: int) -> None:
    _signal(context, nodes, signal.SIGKILL)


def _names(context: click.Context, nodes: list[Node], number: int) -> None:
    for node in nodes:
        click.echo(node.name)


def _show(context: click.Context, nodes: list[Node], number: int) -> None:
    for node in nodes:
        click.echo(join(_whole(node)))


def _get(context: click.Context, nodes: list[Node], number: int, wanted: str) -> None:
    found = [node for node in nodes if wanted in (node.name, node.name.partition("@")[0])]
    if not found:
        sys.exit(EXIT_FAILED)
    _show(context, found, number)


def _expand(context: click.Context, nodes: list[Node], number: int, text: str) -> None:
    for node in nodes:
        click.echo(node.expand(text))


_VERBS: dict[str, tuple[int, Callable[..., None]]] = {
    "start": (0, _start),
    "stop": (0, _stop),
    "stopwait": (0, _stop_and_wait),
    "stop_verify": (0, _stop_and_wait),
    "restart": (0, _restart),
    "kill": (0, _kill),
    "names": (0, _names),
    "show": (0, _show),
    "get": (1, _get),
    "expand": (1, _expand),
}
"""How many words come before the names, and what is done."""


def _say(context: click.Context, text: str) -> None:
    if not context.meta.get(QUIET):
        click.echo(text)
