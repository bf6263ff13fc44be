"""How long one task takes when nothing else is under way: one producer, one worker with one slot."""

from __future__ import annotations

from functools import partial

from bench.contestants import SYSTEMS, Contestant
from bench.ground import Ground
from bench.measures.measure import Measure
from bench.producer import WARM_UP
from bench.table import Figures, Metric, percentile

_COUNT = 400
_METRICS = (Metric("p50", "p50 ms", 3, compared=True), Metric("p99", "p99 ms", 3))

_NOTES = ("One task after another, two milliseconds of rest before each. dramatiq has 8 threads.",)


def latency(ground: Ground, contestant: Contestant, count: int, *, mode: str) -> Figures:
    """Send one task after another, each after a rest of two milliseconds."""
    plot = ground.lay_out(contestant, WARM_UP + count, results=mode == "get", waited_for=mode == "get")
    with plot.worker(1) as worker:
        samples = [seconds * 1000 for seconds in plot.produce(mode, count)["latencies"]]
        worker.check()
    return {"p50": percentile(samples, 0.5), "p99": percentile(samples, 0.99)}


GET = Measure(
    "get",
    "From delay() to the result in hand, idle, 1 slot",
    _METRICS,
    dict.fromkeys(SYSTEMS, _COUNT),
    partial(latency, mode="get"),
    _NOTES,
)

START = Measure(
    "start",
    "From delay() to the first line of the task, idle, results ignored, 1 slot",
    _METRICS,
    dict.fromkeys(SYSTEMS, _COUNT),
    partial(latency, mode="start"),
    _NOTES,
)
