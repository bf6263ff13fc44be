"""Tasks that never end by themselves."""

from __future__ import annotations

import pytest

from celeriac.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded
from tests.bad_input.stage import Stage


def test_a_loop_ends_at_its_soft_limit(stage: Stage) -> None:
    with pytest.raises(SoftTimeLimitExceeded):
        stage.send("spin").get(timeout=20)


def test_a_loop_that_swallows_everything_ends_at_its_hard_limit(stage: Stage) -> None:
    result = stage.send("spin_in_vain")
    neighbours = [stage.send("good", number) for number in range(20)]
    with pytest.raises(TimeLimitExceeded):
        result.get(timeout=20)
    assert [neighbour.get(timeout=20) for neighbour in neighbours] == [[number, 2 * number] for number in range(20)]
