"""`celeriac call`: enqueue a task by its name."""

from __future__ import annotations

import click

from celeriac.cli.loading import load_app


@click.command()
@click.argument("name")
@click.option("-a", "--args", "arguments", default="[]", help="Positional arguments, as a JSON list.")
@click.option("-k", "--kwargs", "keywords", default="{}", help="Keyword arguments, as a JSON object.")
@click.option("-q", "--queue", help="Queue, instead of the task's own.")
@click.option("--countdown", type=float, help="Seconds to wait first.")
@click.pass_context
def call(
    context: click.Context, name: str, arguments: str, keywords: str, queue: str | None, countdown: float | None
) -> None:
    """Enqueue a task by name and print its id."""
    from celeriac.message import values

    try:
        args, kwargs = values.decode(arguments), values.decode(keywords)
    except ValueError as error:
        raise click.UsageError(f"not JSON: {error}") from error
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise click.UsageError("--args is a JSON list, --kwargs a JSON object")
    options = {} if queue is None else {"queue": queue}
    click.echo(load_app(context).send_task(name, args, kwargs, countdown=countdown, **options).id)
