"""Options of Celery's worker that have nothing to do here, or nothing yet: said in a line, never passed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import click

from celeriac.cli.global_options import note


class _Option(NamedTuple):
    names: tuple[str, ...]
    help: str
    """What is said when it is used; nothing where it asks for what happens anyway."""
    flag: bool = True
    said: bool = True


_NO_PREFETCH = "a worker claims only what its children are about to run"
_EVENTS = "events come later"
_OPTIONS = (
    _Option(("-S", "--statedb"), "has no effect: the store remembers what was revoked", flag=False),
    _Option(("--prefetch-multiplier",), f"has no effect: {_NO_PREFETCH}", flag=False),
    _Option(("--disable-prefetch",), f"is what happens anyway: {_NO_PREFETCH}", said=False),
    _Option(("--without-gossip",), "is what happens anyway: workers tell each other nothing", said=False),
    _Option(("--without-mingle",), "is what happens anyway: the store knows what was revoked", said=False),
    _Option(("--without-heartbeat",), f"is what happens anyway: {_EVENTS}", said=False),
    _Option(("--heartbeat-interval",), f"has no effect yet: {_EVENTS}", flag=False),
    _Option(("-E", "--task-events", "--events"), f"has no effect yet: {_EVENTS}"),
    _Option(("-s", "--schedule-filename", "--schedule"), "has no effect: there is no beat yet", flag=False),
    _Option(("--scheduler",), "has no effect: there is no beat yet", flag=False),
)
_NO_BEAT = "periodic tasks come later, and nothing would be sent: run `celery beat` beside this worker, without -B"


def celerys_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command understand these options."""
    command = click.option(
        "-B", "--beat", is_flag=True, expose_value=False, callback=_refuse_beat, help=f"Refused: {_NO_BEAT}."
    )(command)
    command = click.option(
        "-O",
        "--optimization",
        type=click.Choice(["default", "fair"]),
        expose_value=False,
        help="fair is what happens anyway.",
    )(command)
    for option in reversed(_OPTIONS):
        command = click.option(
            *option.names,
            is_flag=option.flag,
            expose_value=False,
            callback=_speaker(option) if option.said else None,
            help=f"{option.help[0].upper()}{option.help[1:]}.",
        )(command)
    return command


def _speaker(option: _Option) -> Callable[[click.Context, click.Parameter, Any], None]:
    def speak(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value not in (None, False):
            note(context, f"{option.names[-1]} {option.help}")

    return speak


def _refuse_beat(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        raise click.UsageError(f"--beat: {_NO_BEAT}")
