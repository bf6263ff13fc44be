"""How commands read what is typed and print what they found."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from celeriac.cli.loading import EXIT_FAILED
from celeriac.message import values

F = TypeVar("F", bound=Callable[..., Any])

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Listing(click.Group):
    """A group whose command `list` is meant where none is named: `dead --json` is `dead list --json`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = args and (not args[0].startswith("-") or args[0] in self.get_help_option_names(ctx))
        return super().parse_args(ctx, args if named or ctx.resilient_parsing else ["list", *args])


def json_option(function: F) -> F:
    """`--json`, the same for every command."""
    return click.option("-j", "--json", "as_json", is_flag=True, help="As JSON.")(function)


def argument_options(function: F) -> F:
    """`--args` and `--kwargs`, which replace arguments."""
    function = click.option("-k", "--kwargs", callback=of_kind(dict), help="Other keyword arguments, as JSON.")(
        function
    )
    return click.option("-a", "--args", callback=of_kind(list), help="Other positional arguments, as JSON.")(function)


def of_kind(kind: type) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    """A callback that reads a list or a dictionary from JSON."""

    def read(context: click.Context, option: click.Parameter, text: str | None) -> Any:
        try:
            value = None if text is None else values.decode(text)
        except ValueError as error:
            raise click.UsageError(f"not JSON: {error}") from error
        if value is not None and not isinstance(value, kind):
            raise click.UsageError(f"--{option.name} is a JSON {'list' if kind is list else 'object'}")
        return value

    return read


def seconds(context: click.Context, option: click.Parameter, text: str | None) -> float | None:
    """A length of time: `90`, `90s`, `15m`, `12h`, `7d`."""
    if text is None:
        return None
    unit = _UNITS.get(text[-1:], 0.0)
    try:
        return float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        raise click.UsageError(f"{text!r} is no length of time: 90s, 15m, 12h, 7d") from None


def instant(context: click.Context, option: click.Parameter, text: str | None) -> datetime | None:
    """An instant in ISO form, UTC where it names no zone."""
    if text is None:
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{text!r} is no instant: 2031-05-01T12:00:00+02:00") from None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def instant_or_seconds(context: click.Context, option: click.Parameter, text: str | None) -> datetime | float | None:
    """An instant, or so many seconds."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return instant(context, option, text)


def say_json(value: Any) -> None:
    """Print a value as one line of JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def say_fields(value: Any) -> None:
    """The same of the fields of a struct."""
    say_json({name: getattr(value, name) for name in value.__struct_fields__})


def say_count(what: str, count: int, as_json: bool) -> None:
    """Print how many there were, as a word for people or for programs."""
    say_json({what: count}) if as_json else click.echo(f"{count} {what}")


def fail(text: str) -> None:
    """End the command with one line."""
    click.echo(text, err=True)
    sys.exit(EXIT_FAILED)


def confirm(yes: bool, question: str) -> None:
    """Ask, unless `--yes` was given; where nobody can answer, that is needed."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Say --yes.")
    click.confirm(question, abort=True)


def shorten(text: str, width: int) -> str:
    """The text, cut to a width, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def time_text(when: float) -> str:
    """An instant for people, in UTC."""
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d %H:%M:%S")


def length_text(seconds: float) -> str:
    """A length of time for people, in two units at most: `7 s`, `3m20s`, `2h05m`, `4d03h`."""
    whole = max(0, int(seconds))
    for unit, below, name, lower in ((86400, 3600, "d", "h"), (3600, 60, "h", "m"), (60, 1, "m", "s")):
        if whole >= unit:
            return f"{whole // unit}{name}{whole % unit // below:02}{lower}"
    return f"{whole} s"
