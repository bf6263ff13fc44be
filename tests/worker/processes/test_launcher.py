"""When a zygote that has ended is followed by the next."""

from __future__ import annotations

import pytest

from celeriac.worker.processes.launcher import Succession


def test_one_that_has_served_is_followed_at_once() -> None:
    succession = Succession(started=10.0)
    assert succession.due(11.0, unfit=False) == 11.0


@pytest.mark.parametrize("unfit", [False, True], ids=["dies early", "cannot import the app"])
def test_the_pause_doubles_while_one_after_the_other_fails(unfit: bool) -> None:
    succession = Succession()
    pauses = []
    for number in range(8):
        succession.started = now = 100.0 * number
        pauses.append(succession.due(now, unfit=unfit) - now)
    assert pauses == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0])


def test_one_that_has_served_ends_the_pauses() -> None:
    succession = Succession(started=0.0)
    assert succession.due(0.5, unfit=False) == 0.7
    assert succession.due(0.9, unfit=True) == pytest.approx(1.3)
    assert succession.due(7.0, unfit=False) == 7.0
    succession.started = 7.0
    assert succession.due(7.5, unfit=False) == 7.7
