"""Tasks that leave their process other than they found it."""

from __future__ import annotations

import pytest

from tests.bad_input.stage import Stage


@pytest.mark.parametrize("what", ["signals", "folder", "recursion", "streams", "mask"])
def test_a_child_that_was_changed_goes_on(stage: Stage, what: str) -> None:
    results = [stage.send("upset", what) for _ in range(8)]
    assert {result.get(timeout=20) for result in results} == {what}
    error = stage.send("error", "circle").get(timeout=20, propagate=False)
    assert error.args == ("first",)
