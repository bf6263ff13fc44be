"""What a worker occupies while it has nothing to do, and how soon it runs its first task."""

from __future__ import annotations

import time

from bench.contestants import SYSTEMS, Contestant
from bench.ground import PATIENCE_SECONDS, Ground
from bench.measures.measure import Measure
from bench.table import Figures, Metric

_SETTLE_SECONDS = 2.0


def footprint(ground: Ground, contestant: Contestant, count: int) -> Figures:
    """Start a worker to which tasks are waiting, once with one slot and once with two.

    Memory is the sum of the PSS of all its processes, two seconds after its tasks have run.
    """
    startup, alone = _start(ground, contestant, count, slots=1)
    _, both = _start(ground, contestant, count, slots=2)
    return {"startup": startup, "memory": alone, "further": both - alone}


def _start(ground: Ground, contestant: Contestant, count: int, *, slots: int) -> tuple[float, float]:
    """Milliseconds from exec to the first task, and megabytes when idle again."""
    plot = ground.lay_out(contestant, count, results=True)
    plot.produce("fill", count, "noop")
    with plot.worker(slots) as worker:
        plot.marks.wait_for_all(PATIENCE_SECONDS, worker.check)
        time.sleep(_SETTLE_SECONDS)
        megabytes = worker.memory_mb()
    return (plot.marks.starts()[0] - worker.started_at) * 1000, megabytes


FOOTPRINT = Measure(
    "footprint",
    "An idle worker, and its start",
    (
        Metric("memory", "PSS, 1 slot, MB", 1, compared=True),
        Metric("further", "PSS of 1 slot more, MB", 1),
        Metric("startup", "exec to first task ms", compared=True),
    ),
    dict.fromkeys(SYSTEMS, 10),
    footprint,
    (
        "PSS of all the worker's processes two seconds after its tasks ran, in 10^6 bytes.",
        "dramatiq has 8 threads a slot.",
    ),
)
