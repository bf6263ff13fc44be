"""Run times as counts in buckets: small to tell, quick to add, and quantiles come out of them. Pure.

Each bucket ends a quarter above where it begins, so a quantile is right to about an eighth, from a microsecond to
days, with at most some 120 buckets (https://arxiv.org/abs/1908.10693, section 2, has the idea and its error).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

_MINIMUM = 1e-6
_GROWTH = 1.25
_LOG = math.log(_GROWTH)


def bucket_of(seconds: float) -> int:
    """The bucket of a run time."""
    return max(0, int(math.log(max(seconds, _MINIMUM) / _MINIMUM) / _LOG))


def count(runtimes: Iterable[float], weight: int = 1) -> dict[int, int]:
    """Run times in buckets, each counted so many times."""
    buckets: dict[int, int] = {}
    for seconds in runtimes:
        bucket = bucket_of(seconds)
        buckets[bucket] = buckets.get(bucket, 0) + weight
    return buckets


def added(one: Mapping[int, int], other: Mapping[int, int], sign: int = 1) -> dict[int, int]:
    """The sum of two counts; with a sign of -1 what the one has more than the other, never less than nothing."""
    sums = {bucket: one.get(bucket, 0) + sign * other.get(bucket, 0) for bucket in one.keys() | other.keys()}
    return {bucket: number for bucket, number in sums.items() if number > 0}


def quantile(buckets: Mapping[int, int], share: float) -> float | None:
    """The run time in seconds that this share of the runs did not exceed; None without any."""
    left = share * sum(buckets.values())
    for bucket in sorted(buckets):
        left -= buckets[bucket]
        if left <= 0:
            return float(_MINIMUM * _GROWTH ** (bucket + 0.5))
    return None
