"""Calls of a task with arguments it does not take: the task's own failure."""

from __future__ import annotations

import pytest

from tests.bad_input.stage import Stage


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((), {}), ((1, 2, 3), {}), ((1,), {"number": 2}), ((), {"no_such": 1}), ((), {"": 1}), ((), {"self": 1})],
)
def test_arguments_that_do_not_fit_are_a_failure(stage: Stage, args: tuple[int, ...], kwargs: dict[str, int]) -> None:
    result = stage.send("good", *args, kwargs=kwargs)
    with pytest.raises(TypeError, match="argument"):
        result.get(timeout=20)
    assert result.state == "FAILURE"
