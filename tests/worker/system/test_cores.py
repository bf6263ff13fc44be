"""How many processors a process may use, by affinity and by the quota of its control group."""

from __future__ import annotations

import os

import pytest

from celeriac.worker.system.cores import granted, usable_cores


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", 8),
        ("-1 100000\n", 8),
        ("200000 100000", 2),
        ("150000 100000\n", 2),
        ("50000 100000", 1),
        ("1600000 100000", 8),
        ("nonsense", 8),
    ],
)
def test_a_quota_grants_whole_processors_at_least_one(quota, cores):
    assert granted(quota, 8) == cores


def test_no_more_are_used_than_the_process_may_run_on():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
