"""Tasks that go on as two processes: one outcome, from the one that was asked."""

from __future__ import annotations

import pytest

from tests.bad_input.stage import Stage


@pytest.mark.parametrize("how", ["return", "raise", "exit"])
def test_of_a_task_that_forks_the_original_is_heard(stage: Stage, how: str) -> None:
    results = [stage.send("fork", how) for _ in range(6)]
    assert [result.get(timeout=20) for result in results] == ["original"] * 6


def test_a_process_left_behind_holds_nobody_up(stage: Stage) -> None:
    assert stage.send("fork_and_leave").get(timeout=20) > 0
