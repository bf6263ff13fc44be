"""`celeriac result` and `celeriac explain`: one task by its id."""

from __future__ import annotations

import sys

import click

from celeriac.cli import forms
from celeriac.cli.loading import EXIT_FAILED, app_name, load_app
from celeriac.control.workers import progress_of
from celeriac.exceptions import TimeoutError
from celeriac.observe.explain import explain


@click.command()
@click.argument("task_id", metavar="ID")
@click.option("--timeout", type=float, default=0.0, help="Seconds to wait for it.")
@click.option("-t", "--task", help="Its name; Celery's, and not needed.")
@click.option(
    "--traceback", "show_traceback", is_flag=True, help="Print the traceback instead, and nothing if it has none."
)
@forms.json_option
@click.pass_context
def result(
    context: click.Context, task_id: str, timeout: float, task: str | None, show_traceback: bool, as_json: bool
) -> None:
    """Print the result of a task; exit code 1 when it failed or is not there.

    With --traceback that of a failed task is what was asked for, and the exit code is 0, as with Celery.
    """
    app = load_app(context)
    if task is not None:
        app.find_task(task)
    found = app.AsyncResult(task_id)
    try:
        value = found.get(timeout=timeout, propagate=False)
    except TimeoutError:
        far = progress_of(app.store, (task_id,)).get(task_id, "")
        if as_json:
            forms.say_json({"id": task_id, "state": found.state, "ready": False, "progress": far})
        click.echo(f"no result yet; state {found.state}{f', {far}' if far else ''}", err=True)
        sys.exit(EXIT_FAILED)
    good = found.successful()
    if as_json:
        shown = value if good else f"{type(value).__name__}: {value}"
        forms.say_json({"id": task_id, "state": found.state, "result": shown, "traceback": found.traceback})
    elif show_traceback:
        click.echo(found.traceback or "", nl=False)
        return
    elif good:
        click.echo(value if isinstance(value, str) else repr(value))
    else:
        click.echo(f"{type(value).__name__}: {value}", err=True)
    if not good:
        sys.exit(EXIT_FAILED)


@click.command("explain")
@click.argument("task_id", metavar="ID")
@forms.json_option
@click.pass_context
def explain_(context: click.Context, task_id: str, as_json: bool) -> None:
    """Say where a task is and why, in one line; exit code 1 when nothing is known of it."""
    found = explain(load_app(context).store, task_id, app=app_name(context))
    if as_json:
        forms.say_fields(found)
    else:
        click.echo(found.sentence)
    if found.status == "unknown":
        sys.exit(EXIT_FAILED)
