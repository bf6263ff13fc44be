"""What a process pays before its first task is sent: importing an app, asking for the version, the first call."""

from __future__ import annotations

import time

from bench.contestants import CELERIAC, CELERY, ON_SQLITE, Contestant
from bench.ground import Ground, Plot
from bench.measures.measure import Measure
from bench.table import Figures, Metric

_COMMANDS = {CELERY: "celery", CELERIAC: "celeriac", ON_SQLITE: "celeriac"}


def startup(ground: Ground, contestant: Contestant, count: int) -> Figures:
    """The median of `count` fresh processes of each kind, in milliseconds; the first of each kind is not counted.

    `imported` is what the import itself takes, in a process that has loaded nothing; the others are whole
    processes, from exec to exit.
    """
    plot = ground.lay_out(contestant, 1, results=True)
    module = f"bench.systems.cold_{_COMMANDS[contestant]}"
    imported = _median([_imported(plot, module) for _ in range(1 + count)][1:])
    version = [_lasted(plot, ["-m", _COMMANDS[contestant], "--version"]) for _ in range(1 + count)][1:]
    call = [_lasted(plot, ["-c", f"from {module} import add; add.delay(1, 2)"]) for _ in range(1 + count)][1:]
    return {"imported": imported, "version": _median(version), "call": _median(call)}


def _median(samples: list[float]) -> float:
    return sorted(samples)[len(samples) // 2]


def _imported(plot: Plot, module: str) -> float:
    said = plot.run(
        ["-c", f"import time; begun = time.perf_counter(); import {module}; print(time.perf_counter() - begun)"]
    )
    return float(said) * 1000


def _lasted(plot: Plot, arguments: list[str]) -> float:
    begun = time.perf_counter()
    plot.run(arguments)
    return (time.perf_counter() - begun) * 1000


STARTUP = Measure(
    "startup",
    "Before the first task is sent",
    (
        Metric("imported", "import of an app with one task, ms", 1, compared=True),
        Metric("version", "--version, ms", compared=True),
        Metric("call", "exec to exit of a first delay(), ms", compared=True),
    ),
    dict.fromkeys(_COMMANDS, 7),
    startup,
    (
        "The median of seven fresh processes each; byte code is there, and one before them is not counted.",
        "Each app has one task and names its broker. Celery's result backend is not configured.",
    ),
)
