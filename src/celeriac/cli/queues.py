"""`celeriac queues`, and `purge` and `list` under Celery's names."""

from __future__ import annotations

from typing import Any

import click

from celeriac.calls.routing import Queues
from celeriac.cli import forms
from celeriac.cli.completing import queue_names
from celeriac.cli.loading import load_app
from celeriac.cli.progress import progress
from celeriac.control.workers import celery_may_serve

_COUNTS = ("ready", "delayed", "claimed", "dead", "failed", "workers")


@click.group(invoke_without_command=True)
@forms.json_option
@click.pass_context
def queues(context: click.Context, as_json: bool) -> None:
    """Count the messages in each queue; look into queues, pause them, empty them."""
    if context.invoked_subcommand is None:
        _list(context, as_json)


def _list(context: click.Context, as_json: bool) -> None:
    app = load_app(context)
    rows = app.queues.list()
    if as_json:
        return forms.say_json([{name: getattr(row, name) for name in row.__struct_fields__} for row in rows])
    click.echo("".join([f"{'queue':24}", *(f" {name:>8}" for name in _COUNTS), f" {'oldest':>8}"]))
    for row in rows:
        oldest = "" if row.oldest is None else f"{row.oldest:.0f} s"
        paused = "  paused" if row.paused else ""
        counts = [f" {getattr(row, name):>8}" for name in _COUNTS[:-1]]
        counts.append(f" {click.style(f'{row.workers:>8}', fg=None if row.workers else 'red', bold=not row.workers)}")
        click.echo(f"{row.queue:24}{''.join(counts)} {oldest:>8}{paused}")
    if any(row.ready and not row.workers for row in rows) and celery_may_serve(app.store):
        click.echo("workers of Celery are connected, or may be; they are not counted", err=True)
    return None


@queues.command()
@click.argument("names", metavar="QUEUE...", nargs=-1, required=True, shell_complete=queue_names)
@forms.json_option
@click.pass_context
def pause(context: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Let workers claim nothing of these queues; what they have claimed runs."""
    load_app(context).queues.pause(*names)
    forms.say_count("paused", len(names), as_json)


@queues.command()
@click.argument("names", metavar="QUEUE...", nargs=-1, required=True, shell_complete=queue_names)
@forms.json_option
@click.pass_context
def resume(context: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Let workers claim of these queues again."""
    load_app(context).queues.resume(*names)
    forms.say_count("resumed", len(names), as_json)


@queues.command()
@click.argument("name", metavar="QUEUE", shell_complete=queue_names)
@click.option("-n", "--limit", type=click.IntRange(1), default=10, show_default=True, help="How many.")
@forms.json_option
@click.pass_context
def peek(context: click.Context, name: str, limit: int, as_json: bool) -> None:
    """Show the tasks that are served next; they stay in the queue."""
    found = load_app(context).queues.peek(name, limit)
    if as_json:
        fields = [field for field in found[0].__struct_fields__ if field != "raw"] if found else []
        return forms.say_json([{field: getattr(each, field) for field in fields} for each in found])
    for each in found:
        age = "" if each.age is None else f"{each.age:.0f} s"
        arguments = forms.shorten(f"{each.args} {each.kwargs}", 60)
        click.echo(f"{each.id:37} {age:>9} {each.task or 'no task message':30} {arguments}")
    return None


@queues.command("purge")
@click.argument("names", metavar="QUEUE...", nargs=-1, required=True, shell_complete=queue_names)
@click.option("--yes", is_flag=True, help="Do not ask.")
@forms.json_option
@click.pass_context
def purge_some(context: click.Context, names: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Drop all messages that are ready in these queues."""
    _purge(load_app(context), names, yes, as_json)


@click.command()
@click.option("-f", "--force", "--yes", "yes", is_flag=True, help="Do not ask.")
@click.option(
    *("-Q", "--queues", "chosen"),
    default="",
    shell_complete=queue_names,
    help="Only these queues, with commas between.",
)
@click.option("-X", "--exclude-queues", "excluded", default="", shell_complete=queue_names, help="All but these.")
@forms.json_option
@click.pass_context
def purge(context: click.Context, yes: bool, chosen: str, excluded: str, as_json: bool) -> None:
    """Drop all messages that are ready, in all queues of the app or in those named."""
    app = load_app(context)
    known = [row.queue for row in app.queues.list()]
    names = _split(chosen) or known or [app.conf.task_default_queue]
    _purge(app, tuple(name for name in names if name not in _split(excluded)), yes, as_json)


def _split(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _purge(app: Any, names: tuple[str, ...], yes: bool, as_json: bool) -> None:
    ready = sum(row.ready for row in app.queues.list(*names)) if names else 0
    if not ready:
        return forms.say_count("purged", 0, as_json)
    forms.confirm(yes, f"Drop {ready} messages of {', '.join(names)}, for ever?")
    with progress("purging", ready, as_json) as reach:
        count = app.queues.purge(*names, progress=reach)
    return forms.say_count("purged", count, as_json)


@click.group("list")
def list_() -> None:
    """List what the broker has."""


@list_.command()
@forms.json_option
@click.pass_context
def bindings(context: click.Context, as_json: bool) -> None:
    """List the queues that are there or declared, with the exchanges and keys that lead to each."""
    app = load_app(context)
    declared = Queues(app.conf)
    names = dict.fromkeys([row.queue for row in app.queues.list()] + list(declared.names()))
    rows = [
        {"queue": name, "exchange": exchange, "routing_key": key}
        for name in names
        for exchange, key in (declared.find(name).keys if name in declared.names() else ((name, name),))
    ]
    if as_json:
        return forms.say_json(rows)
    click.echo(f"{'Queue':28} {'Exchange':28} Routing Key")
    for row in rows:
        click.echo(f"{row['queue']:28} {row['exchange']:28} {row['routing_key']}")
    return None
