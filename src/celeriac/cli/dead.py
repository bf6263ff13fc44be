"""`celeriac dead` and `celeriac failed`: dead letters, and tasks that failed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from celeriac.cli import forms
from celeriac.cli.completing import queue_names, task_names
from celeriac.cli.loading import load_app
from celeriac.cli.progress import progress
from celeriac.control.dead import Dead, Matching
from celeriac.exceptions import MalformedMessage
from celeriac.message import edit, values
from celeriac.stores.contract import Cause, DeadLetter

F = TypeVar("F", bound=Callable[..., Any])


@click.group(cls=forms.Listing)
def dead() -> None:
    """Look at messages that were set aside, put them back, drop them.

    Without a command: list them.
    """


@click.group(cls=forms.Listing)
def failed() -> None:
    """Look at tasks that failed, run them again.

    They are kept as long as results are. Without a command: list them.
    """


_ONE = {"dead": "dead letter", "failed": "failed task"}


def _kind(context: click.Context) -> str:
    """In which of the two groups a command was called."""
    assert context.parent is not None
    return str(context.parent.command.name)


def _door(context: click.Context) -> Dead:
    """What the commands of that group act on."""
    door: Dead = getattr(load_app(context), _kind(context))
    return door


def _matching_options(function: F) -> F:
    """The filters, which every command has."""
    for option in (
        click.option("--newer", callback=forms.seconds, help="Set aside no longer ago than this: 90s, 15m, 12h, 7d."),
        click.option("--older", callback=forms.seconds, help="Set aside longer ago than this."),
        click.option("--fingerprint", help="Only letters of this error, as `list --group` names it."),
        click.option("-q", "--queue", shell_complete=queue_names, help="Only letters from this queue."),
        click.option("--cause", help="Only letters of this cause, as `list` shows it."),
        click.option("--task", shell_complete=task_names, help="Only letters of this task, by its name."),
    ):
        function = option(function)
    return function


def _matching(filters: dict[str, Any]) -> Matching:
    cause = filters["cause"]
    if cause is not None and cause not in list(Cause):
        raise click.UsageError(f"no cause is called {cause!r}; there are {', '.join(Cause)}")
    return Matching(**filters)


@click.command("list")
@click.option("-n", "--limit", type=click.IntRange(1), default=100, show_default=True, help="How many, the newest.")
@click.option("--group", is_flag=True, help="One line an error: letters of the same task, class and place.")
@forms.json_option
@_matching_options
@click.pass_context
def list_(context: click.Context, /, limit: int, group: bool, as_json: bool, **filters: Any) -> None:
    """List them, the newest first."""
    matching, door = _matching(filters), _door(context)
    if group:
        return _list_groups(door.groups(matching)[:limit], as_json)
    letters = door.list(matching, limit)
    if as_json:
        return forms.say_json([_shown(letter) for letter in letters])
    if letters:
        click.echo(f"{'id':37} {'when (UTC)':20} {'cause':10} {'task':30} {'queue':12} reason")
    for letter in letters:
        when, reason = forms.time_text(letter.when), forms.shorten(letter.reason, 80)
        click.echo(f"{letter.id:37} {when:20} {letter.cause:10} {letter.task:30} {letter.queue:12} {reason}")
    return None


def _list_groups(groups: Any, as_json: bool) -> None:
    if as_json:
        names = ("fingerprint", "count", "task", "cause", "error", "place", "first", "last")
        rows = [{name: getattr(group, name) for name in names} | {"newest": group.newest.id} for group in groups]
        return forms.say_json(rows)
    if groups:
        click.echo(f"{'fingerprint':12} {'count':>7} {'last (UTC)':20} {'cause':10} {'task':30} error, place")
    for group in groups:
        last = forms.time_text(group.last)
        where = forms.shorten(f"{group.error} {group.place}", 90)
        click.echo(f"{group.fingerprint:12} {group.count:>7} {last:20} {group.cause:10} {group.task:30} {where}")
    return None


def _shown(letter: DeadLetter) -> dict[str, Any]:
    """A letter as JSON has it, without its message."""
    fields: dict[str, Any] = msgspec.to_builtins(letter, builtin_types=(bytes,))
    plain = {name: getattr(letter, name) for name in letter.__struct_fields__ if name not in ("raw", "attempts")}
    plain.pop("failed")
    return plain | {"attempts": fields.get("attempts", []), "fingerprint": letter.fingerprint}


def _whole(letter: DeadLetter) -> dict[str, Any]:
    """The same with the message, as text where it is text."""
    try:
        return _shown(letter) | {"raw": letter.raw.decode()}
    except UnicodeDecodeError:
        return _shown(letter) | {"raw_base64": base64.b64encode(letter.raw).decode()}


@click.command()
@click.argument("letter_id", metavar="ID")
@forms.json_option
@click.pass_context
def show(context: click.Context, letter_id: str, as_json: bool) -> None:
    """Show one with all its attempts; exit code 1 when it is not there."""
    letter = _door(context).get(letter_id)
    if letter is None:
        return forms.fail(f"no {_ONE[_kind(context)]} {letter_id}")
    if as_json:
        return forms.say_json(_whole(letter))
    for name, value in _shown(letter).items():
        if name not in ("attempts", "when", "number") and value not in ("", 0):
            click.echo(f"{name:12} {f'{value / 2**20:,.0f} MiB' if name == 'memory' else value}")
    click.echo(f"{'when':12} {forms.time_text(letter.when)} UTC")
    click.echo(f"{'arguments':12} {_arguments(letter)}")
    for attempt in letter.attempts:
        click.echo(f"{'attempt':12} {forms.time_text(attempt.when)} UTC {attempt.worker} {attempt.error}")
        if attempt.traceback:
            click.echo(attempt.traceback.rstrip())
    return None


def _arguments(letter: DeadLetter) -> str:
    try:
        args, kwargs = edit.arguments(letter.raw)
    except MalformedMessage as error:
        return f"cannot be read: {error}"
    return f"{values.short_repr(args)} {values.short_repr(kwargs)}"


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that match the filters.")
@click.option("--to", metavar="QUEUE", help="Into this queue instead of its own.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@forms.argument_options
@forms.json_option
@_matching_options
@click.pass_context
def replay(
    context: click.Context,
    /,
    ids: tuple[str, ...],
    everything: bool,
    to: str | None,
    yes: bool,
    args: list[Any] | None,
    kwargs: dict[str, Any] | None,
    as_json: bool,
    **filters: Any,
) -> None:
    """Put them back into their queues: those named, or all that match."""
    matching, door = _chosen(ids, everything, filters), _door(context)
    changed: dict[str, Any] = {"args": args, "kwargs": kwargs, "queue": to}
    if ids:
        count = _each(context, ids, lambda id: door.replay(id, **changed))
    else:
        forms.confirm(yes, f"Replay all {_ONE[_kind(context)]}s{_described(filters)}?")
        with progress("replaying", _known(context), as_json) as reach:
            count = door.replay_all(matching, **changed, progress=reach)
    forms.say_count("replayed", count, as_json)


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that match the filters.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@forms.json_option
@_matching_options
@click.pass_context
def drop(
    context: click.Context, /, ids: tuple[str, ...], everything: bool, yes: bool, as_json: bool, **filters: Any
) -> None:
    """Delete them for good: those named, or all that match."""
    matching, door = _chosen(ids, everything, filters), _door(context)
    if ids:
        count = _each(context, ids, door.drop)
    else:
        forms.confirm(yes, f"Delete all {_ONE[_kind(context)]}s{_described(filters)} for good?")
        with progress("dropping", _known(context), as_json) as reach:
            count = door.drop_all(matching, progress=reach)
    forms.say_count("dropped", count, as_json)


def _known(context: click.Context) -> int:
    """How many there are."""
    return sum(getattr(row, _kind(context)) for row in load_app(context).queues.list())


def _each(context: click.Context, ids: tuple[str, ...], act: Callable[[str], bool]) -> int:
    """Do it for each; what is not there ends the command when the others are done."""
    missing = [id for id in ids if not act(id)]
    if missing:
        forms.fail(f"no {_ONE[_kind(context)]} {', '.join(missing)}; {len(ids) - len(missing)} done")
    return len(ids)


def _chosen(ids: tuple[str, ...], everything: bool, filters: dict[str, Any]) -> Matching:
    """What is meant: ids, or `--all` with any filters; never everything by mistake."""
    if bool(ids) == everything:
        raise click.UsageError("name letters by id, or say --all (with filters, all that match)")
    if ids and any(value is not None for value in filters.values()):
        raise click.UsageError("filters go with --all")
    return _matching(filters)


def _described(filters: dict[str, Any]) -> str:
    given = [f"{name} {value}" for name, value in filters.items() if value is not None]
    return f" of {', '.join(given)}" if given else ""


@click.command()
@forms.json_option
@_matching_options
@click.pass_context
def export(context: click.Context, /, as_json: bool, **filters: Any) -> None:
    """Print them with their messages, one a line as JSON; `--json` makes one list of them."""
    found = _door(context).iterate(_matching(filters))
    if as_json:
        return forms.say_json([_whole(letter) for letter in found])
    for letter in found:
        forms.say_json(_whole(letter))
    return None


for _command in (list_, show, replay, drop, export):
    dead.add_command(_command)
    failed.add_command(_command)
