"""Numbers as a person says them."""

from __future__ import annotations

import pytest

from celeriac.worker.log.words import some, span


@pytest.mark.parametrize(
    ("count", "one", "many", "expected"),
    [
        (1, "child", "children", "1 child"),
        (0, "child", "children", "0 children"),
        (2, "task", "", "2 tasks"),
        (12_345, "message", "", "12,345 messages"),
    ],
)
def test_the_word_follows_the_count(count: int, one: str, many: str, expected: str):
    assert some(count, one, many) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0412, "0.041 s"),
        (0.999, "1 s"),
        (1.0, "1.0 s"),
        (9.96, "10.0 s"),
        (12.4, "12 s"),
        (59.7, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
    ],
)
def test_a_span_has_no_more_digits_than_it_needs(seconds: float, expected: str):
    assert span(seconds) == expected
