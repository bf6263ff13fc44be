"""Sends tasks from inside a system's own environment, and says how long that took, as one line of JSON.

    python -m bench.producer MODULE MODE COUNT [TASK]

Modes: `fill` (as fast as the system can, not timed), `each` (one by one), `many` (the system's own way to
send many), `get` (send, wait for the result, rest), `start` (send, wait until it runs, rest).
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.marks import VARIABLE, Marks

WARM_UP = 20
"""Tasks sent before the timed ones; the numbers of the timed ones follow theirs."""

REST_SECONDS = 0.002
"""Between two tasks whose latency is measured, so that each finds an idle worker."""

_START_SECONDS = 30.0
_WATCH_SECONDS = 0.0001


def main() -> None:
    """Send, then print."""
    module, mode, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    system = importlib.import_module(module)
    modes: dict[str, Callable[[Any, int], dict[str, Any]]] = {
        "each": send_each,
        "many": send_many,
        "get": measure_get,
        "start": measure_start,
    }
    if mode == "fill":
        system.send_many(sys.argv[4], count)
        said: dict[str, Any] = {}
    else:
        said = modes[mode](system, count)
    print(json.dumps(said))


def send_each(system: Any, count: int) -> dict[str, Any]:
    """One by one."""
    system.send_each(WARM_UP)
    return _timed(lambda: system.send_each(count))


def send_many(system: Any, count: int) -> dict[str, Any]:
    """At once."""
    system.send_many("noop", WARM_UP)
    return _timed(lambda: system.send_many("noop", count))


def _timed(send: Callable[[], None]) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    send()
    return {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}


def measure_get(system: Any, count: int) -> dict[str, Any]:
    """From the call to the result in hand, in seconds."""
    latencies = []
    for number in range(WARM_UP + count):
        sent = time.monotonic()
        value = system.round_trip(number)
        latencies.append(time.monotonic() - sent)
        if value != number:
            raise SystemExit(f"task {number} gave {value!r}")
        time.sleep(REST_SECONDS)
    return {"latencies": latencies[WARM_UP:]}


def measure_start(system: Any, count: int) -> dict[str, Any]:
    """From the call to the first line of the task, in seconds."""
    marks = Marks(Path(os.environ[VARIABLE]))
    latencies = []
    for number in range(WARM_UP + count):
        sent = time.monotonic()
        system.send(number)
        while not marks.flags[number]:
            if time.monotonic() - sent > _START_SECONDS:
                raise SystemExit(f"task {number} did not start")
            time.sleep(_WATCH_SECONDS)
        latencies.append(marks.times[number] - sent)
        time.sleep(REST_SECONDS)
    return {"latencies": latencies[WARM_UP:]}


if __name__ == "__main__":
    main()
