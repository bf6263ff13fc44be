"""`celeriac shell`: an interpreter with the app and its tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from celeriac.cli.loading import load_app


@click.command()
@click.option("-I", "--ipython", "ipython", is_flag=True, help="IPython.")
@click.option("-B", "--bpython", "bpython", is_flag=True, help="bpython.")
@click.option("-P", "--python", "python", is_flag=True, help="Python's own.")
@click.option("-T", "--without-tasks", is_flag=True, help="Leave the tasks out.")
@click.option("--eventlet", is_flag=True, help="Celery's: eventlet is not supported.")
@click.option("--gevent", is_flag=True, help="Let gevent patch the standard library first.")
@click.pass_context
def shell(
    context: click.Context,
    ipython: bool,
    bpython: bool,
    python: bool,
    without_tasks: bool,
    eventlet: bool,
    gevent: bool,
) -> None:
    """Start an interpreter with `app` (also `celery`), `Task`, `AsyncResult` and all tasks by their names.

    The first of IPython, bpython and Python's own that is installed, if none is named.
    """
    if ipython + bpython + python > 1:
        raise click.UsageError("one of --ipython, --bpython, --python")
    if eventlet:
        raise click.UsageError("--eventlet is not supported: its makers have given it up; there is --gevent")
    if gevent:
        _patch()
    names = _names(load_app(context), tasks=not without_tasks)
    wanted = ["ipython"] * ipython + ["bpython"] * bpython + ["python"] * python
    for each in wanted or ["ipython", "bpython", "python"]:
        try:
            start = _STARTS[each]()
        except ImportError as error:
            if wanted:
                raise click.UsageError(f"{each} is not installed: {error}") from error
        else:
            return start(names)
    return None


def _patch() -> None:
    try:
        from gevent import monkey
    except ImportError as error:
        raise click.UsageError("gevent is not installed: pip install 'celeriac[gevent]'") from error
    monkey.patch_all()


def _names(app: Any, *, tasks: bool) -> dict[str, Any]:
    """What is in scope; of two tasks of one name the last one made is."""
    import celeriac

    names: dict[str, Any] = {name: getattr(celeriac, name) for name in celeriac.__all__ if not name.startswith("_")}
    names |= {"app": app, "celery": app, "Task": app.Task}
    if tasks:
        names |= {task.__name__: task for task in app.tasks.values() if not task.name.startswith("celery.")}
    return names


def _ipython() -> Callable[[dict[str, Any]], None]:
    from IPython import start_ipython

    def start(names: dict[str, Any]) -> None:
        start_ipython(argv=[], user_ns=names)

    return start


def _bpython() -> Callable[[dict[str, Any]], None]:
    import bpython

    def start(names: dict[str, Any]) -> None:
        bpython.embed(names)

    return start


def _python() -> Callable[[dict[str, Any]], None]:
    import code

    def start(names: dict[str, Any]) -> None:
        try:
            import readline
            import rlcompleter
        except ImportError:
            pass
        else:
            readline.set_completer(rlcompleter.Completer(names).complete)
            readline.parse_and_bind("tab: complete")
        code.interact(f"{', '.join(sorted(names))} are here.", local=names, exitmsg="")

    return start


_STARTS = {"ipython": _ipython, "bpython": _bpython, "python": _python}
