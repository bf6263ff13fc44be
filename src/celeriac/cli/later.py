"""Celery's commands that are not here yet: each says so, and what does the same meanwhile."""

from __future__ import annotations

import click

_INSTEAD = {
    "amqp": "comes with RabbitMQ; `celeriac queues` looks into queues, `celeriac purge` empties them",
    "beat": "comes later; until then run `celery beat`: its tasks arrive here",
    "control": "comes later; until then `app.control.revoke` cancels tasks, `celeriac queues pause` stops queues, "
    "and signals stop, grow or shrink a worker",
    "events": "comes later; until then `celeriac top` and `celeriac explain` show what goes on",
    "graph": "will not come: a worker has no steps that could be drawn; see ARCHITECTURE.md",
    "inspect": "comes later; until then `celeriac status` shows the workers, `celeriac explain` where a task is",
    "migrate": "comes later; `celeriac adopt` and `celeriac hand-back` take work over from Celery, and give it back",
}


def _command(name: str, instead: str) -> click.Command:
    text = f"`celeriac {name}` {instead}."

    # It is wrong use, exit code 2: with 69 a script would think that no worker answers, and restart some.
    @click.command(
        name,
        help=text,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def say(arguments: tuple[str, ...]) -> None:
        raise click.UsageError(text)

    return say


amqp, beat, control, events, graph, inspect, migrate = (_command(*item) for item in sorted(_INSTEAD.items()))
