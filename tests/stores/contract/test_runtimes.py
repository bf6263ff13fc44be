"""Run times in buckets: quantiles that are right to about an eighth, from little that is kept."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.stores.contract.runtimes import added, bucket_of, count, quantile

times = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=200)


@given(times, st.sampled_from([0.0, 0.5, 0.95, 1.0]))
def test_a_quantile_is_near_the_run_time_that_it_stands_for(runtimes, share):
    place = max(0, math.ceil(share * len(runtimes)) - 1)
    assert quantile(count(runtimes), share) == pytest.approx(sorted(runtimes)[place], rel=0.13)


@given(times, times)
def test_what_was_added_can_be_taken_away_again(before, since):
    assert added(count([*before, *since]), count(before), -1) == count(since)
    assert added(count(before), count(since)) == count([*before, *since])


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e-9])
def test_what_took_no_time_is_in_the_first(seconds):
    assert bucket_of(seconds) == 0


def test_of_nothing_there_is_no_quantile():
    assert quantile({}, 0.5) is None
