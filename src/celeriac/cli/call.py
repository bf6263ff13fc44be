"""`celeriac call`: enqueue a task by its name."""

from __future__ import annotations

import difflib
from datetime import datetime
from typing import Any

import click

from celeriac.calls.arguments import checker
from celeriac.cli import forms
from celeriac.cli.completing import queue_names, task_names
from celeriac.cli.loading import load_app


@click.command()
@click.argument("name", shell_complete=task_names)
@click.option("-a", "--args", callback=forms.of_kind(list), default="[]", help="Positional arguments, as a JSON list.")
@click.option("-k", "--kwargs", callback=forms.of_kind(dict), default="{}", help="Keyword arguments, as a JSON object.")
@click.option("--eta", callback=forms.instant, help="Run it at this instant, in ISO form; UTC where it names no zone.")
@click.option("--countdown", type=float, help="Run it so many seconds from now.")
@click.option("--expires", callback=forms.instant_or_seconds, help="Not after this instant, or so many seconds.")
@click.option("--serializer", help="How its arguments are written, instead of task_serializer.")
@click.option("-q", "--queue", shell_complete=queue_names, help="Queue, instead of the task's own.")
@click.option("--exchange", help="Exchange, instead of the task's own.")
@click.option("--routing-key", help="Routing key, instead of the task's own.")
@click.option(
    "--force", is_flag=True, help="Also a task that the app does not know, or with arguments it does not take."
)
@forms.json_option
@click.pass_context
def call(
    context: click.Context,
    /,
    name: str,
    args: list[Any],
    kwargs: dict[str, Any],
    eta: datetime | None,
    countdown: float | None,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Enqueue a task by name and print its id.

    The app has to know the task, which has to take the arguments; --force sends them all the same.
    """
    if eta is not None and countdown is not None:
        raise click.UsageError("--eta or --countdown, not both")
    said = {option: value for option, value in options.items() if value is not None}
    app = load_app(context)
    if not force:
        _check(app, name, args, kwargs)
    task = app.send_task(name, args, kwargs, eta=eta, countdown=countdown, **said)
    forms.say_json({"id": task.id}) if as_json else click.echo(task.id)


def _check(app: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> None:
    """Refuse a task that the app does not know, and arguments that its function does not take."""
    task = app.tasks.get(name)
    if task is None:
        near = difflib.get_close_matches(name, app.tasks, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise click.UsageError(f"{name} is not known here{meant} (--force sends it all the same)")
    if app.strict_typing if task.typing is None else task.typing:
        try:
            checker(task.__wrapped__)(*args, **kwargs)
        except TypeError as error:
            raise click.UsageError(f"{error} (--force sends it all the same)") from None
