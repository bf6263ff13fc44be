"""A pool's size by its load: up at once, down after a while, never beyond its bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from celeriac.worker.core.scaling import Scaler
from celeriac.worker.options import Scale

KEEP = 30.0


def sizes(scaler, size, looks):
    """The sizes after each look (busy children, instant)."""
    found = []
    for busy, now in looks:
        size = scaler.size(size, min(busy, size), now)
        found.append(size)
    return found


def test_a_pool_that_is_all_busy_doubles_up_to_the_most():
    assert sizes(Scaler(Scale(1, 10, KEEP), 0), 1, [(99, second) for second in range(6)]) == [2, 4, 8, 10, 10, 10]


def test_what_was_not_needed_for_a_while_goes_and_not_before():
    looks = [(3, 1.0), (1, 20.0), (1, KEEP - 0.1), (1, KEEP)]
    assert sizes(Scaler(Scale(2, 10, KEEP), 0), 10, looks) == [10, 10, 10, 3]


def test_a_pool_that_was_all_busy_keeps_its_size_for_as_long_again():
    looks = [(4, 29.0), (1, 58.0), (0, 59.0), (0, 88.0), (0, 89.0)]
    assert sizes(Scaler(Scale(1, 4, KEEP), 0), 4, looks) == [4, 4, 4, 4, 1]


def test_a_size_beyond_the_bounds_is_brought_within():
    assert sizes(Scaler(Scale(2, 4, KEEP), 0), 9, [(1, 0.0)]) == [4]
    assert sizes(Scaler(Scale(2, 4, KEEP), 0), 1, [(0, 0.0)]) == [2]


@given(
    st.integers(1, 8),
    st.integers(0, 8),
    st.lists(st.tuples(st.integers(0, 20), st.floats(0, 10)), min_size=1, max_size=30),
)
def test_it_never_leaves_its_bounds(minimum, more, steps):
    scaler, now, size = Scaler(Scale(minimum, minimum + more, 5.0), 0.0), 0.0, minimum
    for busy, pause in steps:
        now += pause
        size = scaler.size(size, min(busy, size), now)
        assert minimum <= size <= minimum + more
