"""How many waits a worker keeps under way: tasks that sleep 50 ms, a hundred at once."""

from __future__ import annotations

from bench.contestants import BARE_LOOP, CONCURRENT_WAITS, ON_THREADS, SYSTEMS, Contestant
from bench.ground import PATIENCE_SECONDS, Ground
from bench.measures.measure import Measure
from bench.table import Figures, Metric


def waits(ground: Ground, contestant: Contestant, count: int) -> Figures:
    """The rate after the first wave: tasks behind the first hundred, over the time in which they began.

    The first wave is left out because it begins at once; with it, the rate could exceed the ideal.
    """
    plot = ground.lay_out(contestant, count, results=False)
    arguments = list(contestant.waiter)
    if contestant is BARE_LOOP:
        arguments.append(str(count))
    else:
        plot.produce("fill", count, "nap")
    with plot.program(arguments) as worker:
        plot.marks.wait_for_all(PATIENCE_SECONDS, _unchecked if contestant is BARE_LOOP else worker.check)
    starts = plot.marks.starts()
    return {"rate": (count - CONCURRENT_WAITS) / (starts[-1] - starts[CONCURRENT_WAITS - 1])}


def _unchecked() -> None:
    """The bare loop may end."""


WAITS = Measure(
    "waits",
    "Tasks that wait 50 ms, 100 at once",
    (Metric("rate", "tasks/s", compared=True),),
    dict.fromkeys((*SYSTEMS, ON_THREADS, BARE_LOOP), 2_000),
    waits,
    (
        "Rate after the first wave, results ignored; 2,000/s would be ideal. One process for Celeriac and taskiq",
        "(coroutines), 100 threads for Celery, huey, dramatiq and celeriac (threads); the bare loop has no queue.",
    ),
)
