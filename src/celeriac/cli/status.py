"""`celeriac status`: which workers are there, and what they run."""

from __future__ import annotations

import sys
import time
from typing import Any

import click
import msgspec

from celeriac import ids
from celeriac.cli import forms
from celeriac.cli.loading import EXIT_UNAVAILABLE, load_app
from celeriac.clock import SYSTEM_CLOCK
from celeriac.control.workers import look_at_workers, progress_of

_LOOK_AGAIN_SECONDS = 0.1


@click.command()
@click.option("-t", "--timeout", type=float, default=1.0, show_default=True, help="Seconds to wait for a worker.")
@click.option("-d", "--destination", default="", help="Only these workers, by name, with commas between.")
@forms.json_option
@click.pass_context
def status(context: click.Context, timeout: float, destination: str, as_json: bool) -> None:
    """Show the workers that are there and what they run; exit code 69 when nobody is.

    The store knows them by their leases: no worker is asked, and a busy one is shown like any other.
    """
    app = load_app(context)
    names = {name.strip().replace("%h", ids.hostname()) for name in destination.split(",") if name.strip()}
    ends = SYSTEM_CLOCK.monotonic() + timeout
    while not (workers := _look(app, names)) and SYSTEM_CLOCK.monotonic() < ends:
        time.sleep(_LOOK_AGAIN_SECONDS)

    reached = progress_of(app.store, (run.id for worker in workers for run in worker.runs[: worker.slots] if run.id))
    if as_json:
        forms.say_json(_by_name(workers, reached))
    if not workers:
        click.echo("celeriac: no worker is there", err=True)
        sys.exit(EXIT_UNAVAILABLE)
    if not as_json:
        _print(workers, reached, SYSTEM_CLOCK.now())


def _look(app: Any, names: set[str]) -> list[Any]:
    living = (worker for worker in look_at_workers(app.store) if worker.alive)
    return [worker for worker in living if not names or worker.name in names]


def _by_name(workers: list[Any], reached: dict[str, str]) -> dict[str, Any]:
    """As Celery's answer, with more in it; a second worker of one name stands under the name of its lease."""
    answer: dict[str, Any] = {}
    for worker in workers:
        fields: dict[str, Any] = msgspec.to_builtins(worker)
        fields["runs"] = [run | {"progress": reached.get(run["id"], "")} for run in fields["runs"]]
        answer[worker.lease if worker.name in answer else worker.name] = {"ok": "pong", **fields}
    return answer


def _print(workers: list[Any], reached: dict[str, str], now: float) -> None:
    for worker in workers:
        beat = "" if worker.quiet is None else f", last beat {worker.quiet:.1f} s ago"
        click.echo(
            f"->  {worker.name}: OK  {worker.held} in hand, {worker.slots} {'slot' if worker.slots == 1 else 'slots'}, "
            f"{worker.done} done, queues {', '.join(worker.queues)}, up {forms.length_text(now - worker.since)}{beat}"
        )
        for run in worker.runs[: worker.slots]:
            since = "" if run.since is None else f" for {forms.length_text(now - run.since)}"
            far = f", {reached[run.id]}" if run.id in reached else ""
            click.echo(f"        {run.task or 'no task message'}[{run.id}]{since}{far}")
    click.echo(f"\n{len(workers)} {'node' if len(workers) == 1 else 'nodes'} online.")
