"""How fast a full queue is run empty, and what a task costs the worker and the server."""

from __future__ import annotations

import sqlite3
import time
from functools import partial

from bench.contestants import AT_MOST_ONCE, CELERIAC, CELERY, DRAMATIQ, HUEY, ON_SQLITE, ONE_A_FRAME, TASKIQ, Contestant
from bench.failure import RunFailed
from bench.ground import PATIENCE_SECONDS, Ground, Plot
from bench.measures.measure import Measure
from bench.table import Figures, Metric

SLOTS = 2
_SETTLE_SECONDS = 10.0

_METRICS = (
    Metric("rate", "tasks/s", compared=True),
    Metric("worker_cpu", "worker CPU us/task", 1),
    Metric("server_cpu", "server CPU us/task", 1),
    Metric("commands", "commands/task", 2),
    Metric("reads", "server reads/task", 3),
    Metric("seconds", "run s", 1),
)


_NOTES = (
    "Rate from the first execution to the last. Everyone logs at INFO into a file: Celeriac, Celery and huey two",
    "lines a task, taskiq one, dramatiq none. dramatiq has 8 threads a slot.",
    "commands: all that Redis executed, those inside scripts and transactions too.",
    "reads: how often Redis found something to read; never less than the round trips.",
)


def drain(ground: Ground, contestant: Contestant, count: int, *, results: bool) -> Figures:
    """Fill the queue, start the worker, and take the time from the first task that begins to the last.

    CPU is that between the same two moments; commands and reads are all from the worker's start to its end.
    """
    plot = ground.lay_out(contestant, count, results=results)
    server, marks = plot.server, plot.marks
    plot.produce("fill", count, "noop")
    before = server.traffic()
    with plot.worker(SLOTS) as worker:
        marks.wait_for_first(PATIENCE_SECONDS, worker.check)
        early, worker_cpu, server_cpu = marks.done(), worker.cpu_seconds(), server.cpu_seconds()
        marks.wait_for_all(PATIENCE_SECONDS, worker.check)
        worker_cpu, server_cpu = worker.cpu_seconds() - worker_cpu, server.cpu_seconds() - server_cpu
        if results:
            _wait_for_results(plot, count)
    after = server.traffic()
    starts = marks.starts()
    seconds = starts[-1] - starts[0]
    figures = {"rate": (count - 1) / seconds, "seconds": seconds}
    figures["worker_cpu"] = worker_cpu / (count - early) * 1e6
    if not contestant.on_sqlite:
        commands = {name: calls - before.commands.get(name, 0) for name, calls in after.commands.items()}
        figures["server_cpu"] = server_cpu / (count - early) * 1e6
        figures["commands"] = sum(commands.values()) / count
        figures["reads"] = (after.reads - before.reads) / count
        figures |= {f"command {name}": calls / count for name, calls in sorted(commands.items()) if calls}
    return figures


def _wait_for_results(plot: Plot, count: int) -> None:
    """A system that kept no results would be measured for something else."""
    ends = time.monotonic() + _SETTLE_SECONDS
    while (found := _stored(plot)) < count:
        if time.monotonic() > ends:
            raise RunFailed(f"{found} of {count} results were stored")
        time.sleep(0.05)


def _stored(plot: Plot) -> int:
    if not plot.contestant.on_sqlite:
        return plot.server.results()
    connection = sqlite3.connect(plot.database)
    try:
        found: int = connection.execute("SELECT count(*) FROM result").fetchone()[0]
    finally:
        connection.close()
    return found


RESULTS = Measure(
    "results",
    f"Run no-op tasks, results kept, {SLOTS} slots",
    _METRICS,
    {
        CELERY: 4_000,
        HUEY: 20_000,
        DRAMATIQ: 10_000,
        TASKIQ: 15_000,
        CELERIAC: 150_000,
        ONE_A_FRAME: 40_000,
        AT_MOST_ONCE: 150_000,
        ON_SQLITE: 50_000,
    },
    partial(drain, results=True),
    _NOTES,
)

IGNORED = Measure(
    "ignored",
    f"Run no-op tasks, results ignored, {SLOTS} slots",
    _METRICS,
    {CELERY: 5_000, HUEY: 25_000, DRAMATIQ: 12_000, TASKIQ: 24_000, CELERIAC: 200_000},
    partial(drain, results=False),
    _NOTES,
)
