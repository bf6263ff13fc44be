"""The options of `celeriac worker` that say what its pools are."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from celeriac.cli.completing import queue_names

if TYPE_CHECKING:
    from celeriac.worker.options import Given, Scale

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
        metavar="NUMBER|auto",
        callback=lambda context, option, text: _concurrency(text),
        help="Children, threads, coroutines or greenlets; 0, the default: as the settings say, or one a core (100 "
        "coroutines or greenlets); auto: one for each core that this process may use.",
    ),
    click.option(
        *("-Q", "--queues"),
        shell_complete=queue_names,
        help="Queues to serve, with commas between; by default those of task_queues.",
    ),
    click.option(
        *("-X", "--exclude-queues"), shell_complete=queue_names, help="Queues not to serve, with commas between."
    ),
    click.option("--time-limit", type=click.FloatRange(0), help="Seconds after which a task is ended."),
    click.option("--soft-time-limit", type=click.FloatRange(0), help="Seconds after which it is told to end."),
    click.option("--max-tasks-per-child", type=click.IntRange(0), help="Replace a child after so many tasks."),
    click.option(
        "--max-memory-per-child", type=click.IntRange(0), help="Replace a child that is larger, in KiB, after a task."
    ),
    click.option(
        "--autoscale",
        metavar="MOST,LEAST",
        callback=lambda context, option, text: _scale(text),
        help="Let the number of children follow the load, between these.",
    ),
    click.option(
        "--add-pool",
        "more",
        multiple=True,
        metavar="NAME:KIND:CONCURRENCY:QUEUE[,QUEUE]",
        help="One more pool, with queues of its own; repeatable.",
    ),
    click.option(
        *("--pool-start-method", "--start-method", "start_method"),
        type=click.Choice(["fork", "spawn"]),
        help="Fork children from the imported app, or let each import it anew.",
    ),
)


def pool_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options; it gets them as `given`, `start_method` and `scale`."""

    @wraps(command)
    def with_given(*arguments: Any, start_method: str | None, autoscale: Scale | None, **options: Any) -> Any:
        names = ("pool", "concurrency", "queues", "exclude_queues", "time_limit", "soft_time_limit")
        said = {name: options.pop(name) for name in (*names, "max_tasks_per_child", "max_memory_per_child", "more")}
        if autoscale is not None:
            said["concurrency"] = _first_size(autoscale, said["concurrency"], said["pool"])
        return command(*arguments, given=_read(**said), start_method=start_method, scale=autoscale, **options)

    for option in reversed(_OPTIONS):
        with_given = option(with_given)
    return with_given


def _read(
    pool: str | None, queues: str | None, exclude_queues: str | None, more: tuple[str, ...], **numbers: Any
) -> Given:
    from celeriac.exceptions import ImproperlyConfigured
    from celeriac.worker.options import Given
    from celeriac.worker.pools import before_import, kind_named, parse_pool

    names = None if queues is None else name_list(queues)
    if names == ():
        raise click.UsageError("name at least one queue")
    try:
        given = Given(
            kind=None if pool is None else kind_named(pool),
            concurrency=numbers["concurrency"],
            queues=names,
            excluded=name_list(exclude_queues or ""),
            time_limit=numbers["time_limit"],
            soft_time_limit=numbers["soft_time_limit"],
            max_tasks=numbers["max_tasks_per_child"],
            max_memory=numbers["max_memory_per_child"],
            more=tuple(map(parse_pool, more)),
        )
        before_import(given)
    except ImproperlyConfigured as error:
        raise click.UsageError(str(error)) from error
    return given


def _concurrency(text: str | None) -> int | None:
    if text == "auto":
        from celeriac.worker.system.cores import usable_cores

        return usable_cores()
    if text is not None and not text.isdecimal():
        raise click.BadParameter(f"{text!r} is neither a number nor auto", param_hint="--concurrency")
    return int(text or 0) or None


def _scale(text: str | None) -> Scale | None:
    if text is None:
        return None
    from celeriac.worker.options import Scale
    from celeriac.worker.pools import MAX_CHILDREN

    numbers = [part.strip() for part in text.split(",")]
    if len(numbers) > 2 or not all(number.isdecimal() for number in numbers):
        raise click.BadParameter(f"{text!r} is not MOST,LEAST", param_hint="--autoscale")
    *_, minimum, maximum = [1, *sorted(map(int, numbers))]
    if not 0 < maximum <= MAX_CHILDREN:
        raise click.BadParameter(f"a pool has 1 to {MAX_CHILDREN} children, not {maximum}", param_hint="--autoscale")
    # Celery's variable for the same.
    return Scale(max(1, minimum), maximum, float(os.environ.get("AUTOSCALE_KEEPALIVE") or 30.0))


def _first_size(scale: Scale, concurrency: int | None, pool: str | None) -> int:
    if pool not in (None, "prefork", "processes"):
        raise click.UsageError(f"--autoscale is for prefork: a pool of {pool} keeps its size")
    return min(max(concurrency or scale.minimum, scale.minimum), scale.maximum)


def name_list(text: str) -> tuple[str, ...]:
    """Names between commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
