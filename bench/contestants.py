"""Who is measured: each system's interpreter, app and worker command."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass

CONCURRENT_WAITS = 100


@dataclass(frozen=True, eq=False)
class Contestant:
    """One system in one configuration.

    `worker` gives the arguments of its worker's interpreter for so many slots, `waiter` those of a worker
    that lets `CONCURRENT_WAITS` tasks wait at once. Everyone logs at INFO.
    """

    name: str
    app: str
    worker: Callable[[int], list[str]]
    waiter: list[str]
    ours: bool = False
    on_sqlite: bool = False
    stop_signal: signal.Signals = signal.SIGTERM

    def python(self, ours: str, peers: str) -> str:
        """Its interpreter, given ours and that of the other systems."""
        return ours if self.ours else peers


def _celery(*pool: str) -> list[str]:
    return ["-m", "celery", "-A", "bench.systems.celery_app", "worker", "-l", "INFO", *pool]


def _huey(kind: str, workers: int) -> list[str]:
    return ["-m", "huey.bin.huey_consumer", "bench.systems.huey_app.huey", "-k", kind, "-w", str(workers)]


def _dramatiq(processes: int, threads: int) -> list[str]:
    return ["-m", "dramatiq", "bench.systems.dramatiq_app", "-p", str(processes), "-t", str(threads)]


def _taskiq(workers: int) -> list[str]:
    app = "bench.systems.taskiq_app:broker"
    return ["-m", "taskiq", "worker", app, "--workers", str(workers), "--log-level", "INFO"]


_OUR_APP = "bench.systems.celeriac_app"


def _celeriac(slots: int) -> list[str]:
    return ["-m", "celeriac", "-A", _OUR_APP, "worker", "-c", str(slots), "-l", "INFO"]


def _one_a_frame(slots: int) -> list[str]:
    return ["-m", "bench.systems.one_a_frame", _OUR_APP, str(slots)]


CELERY = Contestant(
    "celery",
    "bench.systems.celery_app",
    lambda slots: _celery("-P", "prefork", "-c", str(slots)),
    _celery("-P", "threads", "-c", str(CONCURRENT_WAITS)),
)
HUEY = Contestant(
    "huey",
    "bench.systems.huey_app",
    lambda slots: _huey("process", slots),
    _huey("thread", CONCURRENT_WAITS),
    stop_signal=signal.SIGINT,
)
DRAMATIQ = Contestant(
    "dramatiq", "bench.systems.dramatiq_app", lambda slots: _dramatiq(slots, 8), _dramatiq(1, CONCURRENT_WAITS)
)
TASKIQ = Contestant("taskiq", "bench.systems.taskiq_app", _taskiq, _taskiq(1))
CELERIAC = Contestant("celeriac", _OUR_APP, _celeriac, _celeriac(1), ours=True)
ONE_A_FRAME = Contestant("celeriac (one a frame)", _OUR_APP, _one_a_frame, _one_a_frame(1), ours=True)
AT_MOST_ONCE = Contestant(
    "celeriac (at most once)",
    "bench.systems.celeriac_once_app",
    lambda slots: ["-m", "celeriac", "-A", "bench.systems.celeriac_once_app", "worker", "-c", str(slots), "-l", "INFO"],
    [],
    ours=True,
)
ON_SQLITE = Contestant("celeriac (sqlite)", _OUR_APP, _celeriac, _celeriac(1), ours=True, on_sqlite=True)

ON_THREADS = Contestant(
    "celeriac (threads)",
    "bench.systems.celeriac_threads_app",
    _celeriac,
    ["-m", "celeriac", "-A", "bench.systems.celeriac_threads_app", "worker", "-l", "INFO"]
    + ["-P", "threads", "-c", str(CONCURRENT_WAITS)],
    ours=True,
)

BARE_LOOP = Contestant(
    "bare loop",
    "bench.systems.bare_loop",
    lambda slots: [],
    ["-m", "bench.systems.bare_loop"],
    ours=True,
)
"""No system: the bound for those who wait. It is told how many tasks there are instead of finding them."""

SYSTEMS = (CELERY, HUEY, DRAMATIQ, TASKIQ, CELERIAC)
EVERYONE = (*SYSTEMS, ONE_A_FRAME, AT_MOST_ONCE, ON_SQLITE, ON_THREADS, BARE_LOOP)
