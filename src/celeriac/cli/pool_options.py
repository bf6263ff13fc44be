"""The options of `celeriac worker` that say what its pools are."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from celeriac.worker.options import Given

_OPTIONS = (
    click.option(
        "-P",
        "--pool",
        envvar="CELERIAC_POOL",
        help="How tasks run: prefork (the default), threads, asyncio, gevent or solo.",
    ),
    click.option(
        "-c",
        "--concurrency",
        type=click.IntRange(1),
        help="Children, threads, coroutines or greenlets; one a core, or 100 coroutines or greenlets, by default.",
    ),
    click.option("-Q", "--queues", help="Queues to serve, with commas between; by default those of task_queues."),
    click.option("-X", "--exclude-queues", help="Queues not to serve, with commas between."),
    click.option("--time-limit", type=click.FloatRange(0), help="Seconds after which a task is ended."),
    click.option("--soft-time-limit", type=click.FloatRange(0), help="Seconds after which it is told to end."),
    click.option("--max-tasks-per-child", type=click.IntRange(0), help="Replace a child after so many tasks."),
    click.option(
        "--max-memory-per-child", type=click.IntRange(0), help="Replace a child that is larger, in KiB, after a task."
    ),
    click.option(
        "--add-pool",
        "more",
        multiple=True,
        metavar="NAME:KIND:CONCURRENCY:QUEUE[,QUEUE]",
        help="One more pool, with queues of its own; repeatable.",
    ),
    click.option(
        "--start-method",
        type=click.Choice(["fork", "spawn"]),
        help="Fork children from the imported app, or let each import it anew.",
    ),
)


def pool_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options; it gets them as `given` and `start_method`."""

    @wraps(command)
    def with_given(*arguments: Any, start_method: str | None, **options: Any) -> Any:
        names = ("pool", "concurrency", "queues", "exclude_queues", "time_limit", "soft_time_limit")
        said = {name: options.pop(name) for name in (*names, "max_tasks_per_child", "max_memory_per_child", "more")}
        return command(*arguments, given=_read(**said), start_method=start_method, **options)

    for option in reversed(_OPTIONS):
        with_given = option(with_given)
    return with_given


def _read(
    pool: str | None, queues: str | None, exclude_queues: str | None, more: tuple[str, ...], **numbers: Any
) -> Given:
    from celeriac.exceptions import ImproperlyConfigured
    from celeriac.worker.options import Given
    from celeriac.worker.pools import before_import, kind_named, parse_pool

    names = None if queues is None else _names(queues)
    if names == ():
        raise click.UsageError("name at least one queue")
    try:
        given = Given(
            kind=None if pool is None else kind_named(pool),
            concurrency=numbers["concurrency"],
            queues=names,
            excluded=_names(exclude_queues or ""),
            time_limit=numbers["time_limit"],
            soft_time_limit=numbers["soft_time_limit"],
            most_tasks=numbers["max_tasks_per_child"],
            most_memory=numbers["max_memory_per_child"],
            more=tuple(map(parse_pool, more)),
        )
        before_import(given)
    except ImproperlyConfigured as error:
        raise click.UsageError(str(error)) from error
    return given


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
