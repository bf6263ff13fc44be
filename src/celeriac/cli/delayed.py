"""`celeriac delayed`: tasks that wait in the store for their time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from celeriac.cli import forms
from celeriac.cli.loading import load_app
from celeriac.cli.progress import progress
from celeriac.control.delayed import DelayedTask
from celeriac.exceptions import MalformedMessage

F = TypeVar("F", bound=Callable[..., Any])


@click.group(cls=forms.Listing)
def delayed() -> None:
    """Look at tasks that wait for their time, change them, cancel them.

    Without a command: list them.
    """


def _filter_options(function: F) -> F:
    for option in (
        click.option("--prefix", default="", help="Only ids that begin like this."),
        click.option("-q", "--queue", default="", help="Only this queue."),
        click.option("--task", default="", help="Only this task, by its name."),
    ):
        function = option(function)
    return function


@delayed.command("list")
@click.option("-n", "--limit", type=click.IntRange(1), default=100, show_default=True, help="How many, the next due.")
@forms.json_option
@_filter_options
@click.pass_context
def list_(context: click.Context, /, limit: int, as_json: bool, **filters: str) -> None:
    """List delayed tasks, the next one due first."""
    found = load_app(context).delayed.list(limit, **filters)
    if as_json:
        return forms.say_json([_shown(each) for each in found])
    if found:
        click.echo(f"{'id':37} {'due (UTC)':20} {'task':30} queue")
    for each in found:
        click.echo(f"{each.id:37} {forms.time_text(each.due.timestamp()):20} {each.task:30} {each.queue}")
    return None


def _shown(each: DelayedTask) -> dict[str, Any]:
    fields = {name: getattr(each, name) for name in each.__struct_fields__ if name != "raw"}
    return fields | {"due": each.due.isoformat()}


@delayed.command()
@click.argument("task_id", metavar="ID")
@forms.json_option
@click.pass_context
def show(context: click.Context, task_id: str, as_json: bool) -> None:
    """Show one delayed task with its arguments; exit code 1 when it is not delayed."""
    found = load_app(context).delayed.get(task_id)
    if found is None:
        return forms.fail(f"no delayed task {task_id}")
    fields = _shown(found)
    try:
        fields["args"], fields["kwargs"] = found.arguments
    except MalformedMessage as error:
        fields["unreadable"] = str(error)
    if as_json:
        return forms.say_json(fields)
    for name, value in fields.items():
        click.echo(f"{name:12} {value}")
    return None


@delayed.command()
@click.argument("task_id", metavar="ID")
@click.option("--countdown", callback=forms.seconds, help="Run it after so long from now: 90s, 15m, 12h, 7d.")
@click.option("--eta", callback=forms.instant, help="Run it at this instant, in ISO form.")
@click.option("--to", metavar="QUEUE", help="Run it from this queue.")
@forms.argument_options
@forms.json_option
@click.pass_context
def change(
    context: click.Context,
    task_id: str,
    countdown: float | None,
    eta: datetime | None,
    to: str | None,
    args: list[Any] | None,
    kwargs: dict[str, Any] | None,
    as_json: bool,
) -> None:
    """Change when a delayed task runs, with which arguments, from which queue."""
    changes = {"countdown": countdown, "eta": eta, "args": args, "kwargs": kwargs, "queue": to}
    if all(value is None for value in changes.values()):
        raise click.UsageError("say what to change: --countdown, --eta, --args, --kwargs, --to")
    if countdown is not None and eta is not None:
        raise click.UsageError("--countdown or --eta, not both")
    if not load_app(context).delayed.change(task_id, **changes):
        return forms.fail(f"no delayed task {task_id}")
    return forms.say_count("changed", 1, as_json)


@delayed.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that match the filters.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@forms.json_option
@_filter_options
@click.pass_context
def cancel(
    context: click.Context, /, ids: tuple[str, ...], everything: bool, yes: bool, as_json: bool, **filters: str
) -> None:
    """Cancel delayed tasks, which end as REVOKED: those named, or all that match."""
    if bool(ids) == everything or (ids and any(filters.values())):
        raise click.UsageError("name tasks by id, or say --all (with filters, all that match)")
    app = load_app(context)
    door = app.delayed
    if everything:
        named = ", ".join(f"{name} {value}" for name, value in filters.items() if value)
        forms.confirm(yes, f"Cancel all delayed tasks{f' of {named}' if named else ''}?")
        with progress("cancelling", sum(row.delayed for row in app.queues.list()), as_json) as reach:
            count = door.cancel_all(**filters, progress=reach)
        return forms.say_count("cancelled", count, as_json)
    missing = [id for id in ids if not door.cancel(id)]
    if missing:
        return forms.fail(f"no delayed task {', '.join(missing)}; {len(ids) - len(missing)} cancelled")
    return forms.say_count("cancelled", len(ids), as_json)
