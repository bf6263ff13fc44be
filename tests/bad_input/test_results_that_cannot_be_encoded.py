"""Values that tasks return and nobody can store: a failure, said once, without running the task again."""

from __future__ import annotations

import pytest

from celeriac.exceptions import EncodeError, ResultTooLarge
from tests.bad_input.stage import Stage


@pytest.mark.parametrize("kind", ["object", "set", "circle", "deep", "tuple keys", "huge number", "function"])
def test_a_result_that_cannot_be_encoded_is_a_failure(stage: Stage, kind: str) -> None:
    result = stage.send("result", kind)
    with pytest.raises(EncodeError) as raised:
        result.get(timeout=20)
    assert raised.value.code == "C403"
    assert "Traceback" in (result.traceback or "")


def test_a_result_that_is_too_large_is_a_failure(stage: Stage) -> None:
    with pytest.raises(ResultTooLarge, match="result_max_bytes allows 30000000"):
        stage.send("result", "too large").get(timeout=20)


def test_a_result_whose_own_code_raises_is_a_failure(stage: Stage) -> None:
    with pytest.raises(ZeroDivisionError, match="json"):
        stage.send("result", "hostile").get(timeout=20)
