"""What a worker counts of each task."""

from __future__ import annotations

import pytest

from celeriac.message import document
from celeriac.stores.contract.runtimes import quantile
from celeriac.worker.core.counters import Tasks

SUCCESS = document.write("id", "SUCCESS", b"1", 0.0)
FAILURE = document.write_failure("id", ValueError("no"), 0.0)


def test_ends_failures_and_run_times_by_task():
    tasks = Tasks()
    for number in range(10_000):
        tasks.ended("fast", 0.001 if number % 10 else 0.1, SUCCESS if number % 4 else FAILURE)
    tasks.ended("silent", 2.0, b"")
    tasks.ended("ignored", 2.0, None)
    told = tasks.tell()
    assert (told["fast"].done, told["fast"].failed) == (10_000, 2500)
    assert quantile(told["fast"].runtimes, 0.5) == pytest.approx(0.001, rel=0.13)
    assert (told["silent"].done, told["silent"].failed) == (1, 0)
    assert tasks.tell() == told
    tasks.ended("silent", 2.0, FAILURE)
    assert (tasks.tell()["silent"].done, tasks.tell()["silent"].failed) == (2, 1)


def test_names_that_somebody_makes_up_fill_no_memory():
    tasks = Tasks()
    for number in range(10_000):
        tasks.ended(f"task{number}", 0.1, b"")
        if number % 100 == 0:
            tasks.tell()
    assert len(tasks.tell()) == 500
