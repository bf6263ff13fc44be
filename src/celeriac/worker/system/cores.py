"""How many processors this process may use."""

from __future__ import annotations

import math
import os

_QUOTAS = ("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_PERIOD = "/sys/fs/cgroup/cpu/cpu.cfs_period_us"


def usable_cores() -> int:
    """The processors it may run on, or fewer where its control group grants less time."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for path in _QUOTAS:
        try:
            text = _read(path)
            if " " not in text:
                text = f"{text.strip()} {_read(_PERIOD)}"
        except OSError:
            continue
        return granted(text, allowed)
    return allowed


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()


def granted(quota: str, allowed: int) -> int:
    """The same of the words of `cpu.max`, quota and period in microseconds; at least one.

    A quota that is no number (`max`), or below zero, is none: https://docs.kernel.org/admin-guide/cgroup-v2.html
    """
    maximum, _, period = quota.partition(" ")
    if not maximum.isdigit() or not period.strip().isdigit():
        return allowed
    return max(1, min(allowed, math.ceil(int(maximum) / int(period))))
