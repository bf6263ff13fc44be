"""How fast one producer sends, one task at a time and many at once."""

from __future__ import annotations

from functools import partial

from bench.contestants import CELERIAC, CELERY, DRAMATIQ, HUEY, TASKIQ, Contestant
from bench.ground import Ground
from bench.measures.measure import Measure
from bench.producer import WARM_UP
from bench.table import Figures, Metric

_METRICS = (
    Metric("rate", "tasks/s", compared=True),
    Metric("producer_cpu", "producer CPU us/task", 1),
    Metric("server_cpu", "server CPU us/task", 1),
    Metric("commands", "commands/task", 2),
    Metric("reads", "server reads/task", 3),
    Metric("seconds", "run s", 1),
)


def enqueue(ground: Ground, contestant: Contestant, count: int, *, mode: str, results: bool) -> Figures:
    """Send from one process and take the time from the first call to the last return, after a warm-up."""
    plot = ground.lay_out(contestant, WARM_UP + count, results=results)
    server = plot.server
    server_cpu = server.cpu_seconds()
    said = plot.produce(mode, count)
    server_cpu = server.cpu_seconds() - server_cpu
    traffic, sent = server.traffic(), WARM_UP + count
    return {
        "rate": count / said["seconds"],
        "seconds": said["seconds"],
        "producer_cpu": said["cpu_seconds"] / count * 1e6,
        "server_cpu": server_cpu / sent * 1e6,
        "commands": sum(traffic.commands.values()) / sent,
        "reads": traffic.reads / sent,
    }


EACH = Measure(
    "each",
    "Enqueue one by one",
    _METRICS,
    {CELERY: 6_000, HUEY: 40_000, DRAMATIQ: 20_000, TASKIQ: 10_000, CELERIAC: 50_000},
    partial(enqueue, mode="each", results=True),
    ("Results are configured, and what the call returns is dropped. One process, one connection.",),
)

MANY = Measure(
    "many",
    "Enqueue many",
    _METRICS,
    {CELERY: 8_000, HUEY: 40_000, DRAMATIQ: 20_000, TASKIQ: 10_000, CELERIAC: 300_000},
    partial(enqueue, mode="many", results=False),
    ("Celery: a group, results ignored. Celeriac: delay_many. taskiq: 100 side by side. The others: one by one.",),
)
