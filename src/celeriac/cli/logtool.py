"""`celeriac logtool`: what is in the logs of workers, ours and Celery's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TextIO, TypeVar

import click

from celeriac.cli import forms
from celeriac.observe.log import Audit, Record, read_log

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def logtool() -> None:
    """Read logs of workers, as text or JSON, ours or Celery's.

    FILE may be `-` for standard input, which is read where none is named. Lines about tasks are there from the
    level INFO on.
    """


def _files(function: F) -> F:
    function = forms.json_option(function)
    return click.argument("files", metavar="[FILE]...", nargs=-1, type=click.File("r", errors="replace"))(function)


def _records(files: Iterable[TextIO]) -> Iterator[Record]:
    for file in [*files] or [sys.stdin]:
        yield from read_log(file)


def _say(records: Iterable[Record], as_json: bool, text: Callable[[Record], str]) -> None:
    """Print records as they are found, or all of them as a list."""
    if as_json:
        names = ("kind", "task", "id", "line", "more")
        return forms.say_json([{name: getattr(record, name) for name in names} for record in records])
    for record in records:
        click.echo(text(record))
    return None


@logtool.command()
@_files
def stats(files: tuple[TextIO, ...], as_json: bool) -> None:
    """Count tasks by how they ended and by name."""
    audit = Audit()
    for record in _records(files):
        audit.note(record)
    figures = audit.figures()
    if as_json:
        return forms.say_json(figures)
    names = figures.pop("tasks")
    for what, count in figures.items():
        click.echo(f"{what:12} {count:>9}")
    for name, count in names.items():
        click.echo(f"{count:>9} {name}")
    return None


@logtool.command()
@_files
def traces(files: tuple[TextIO, ...], as_json: bool) -> None:
    """Print what is followed by more lines, as errors are by tracebacks."""
    found = (record for record in _records(files) if record.more)
    _say(found, as_json, lambda record: f"{record.line}\n{record.more}")


@logtool.command()
@_files
def errors(files: tuple[TextIO, ...], as_json: bool) -> None:
    """Print the lines of tasks that failed."""
    found = (record for record in _records(files) if record.kind == "failed")
    _say(found, as_json, lambda record: record.line)


@logtool.command()
@_files
def incomplete(files: tuple[TextIO, ...], as_json: bool) -> None:
    """Print the tasks that came in and whose end is not there: they still run, or their worker died."""
    audit = Audit()
    for record in _records(files):
        audit.note(record)
    if as_json:
        return forms.say_json([{"id": id, "task": audit.tasks[id]} for id in audit.incomplete])
    for id in audit.incomplete:
        click.echo(f"{id} {audit.tasks[id]}")
    return None


@logtool.command()
@_files
def debug(files: tuple[TextIO, ...], as_json: bool) -> None:
    """Print the lines that say nothing of the life of a task."""
    found = (record for record in _records(files) if record.kind == "other")
    _say(found, as_json, lambda record: record.line)
