"""Numbers that Python writes and JSON does not know: they arrive, in arguments and in headers."""

from __future__ import annotations

import math

import pytest

from tests.bad_input.stage import Stage, message


@pytest.mark.parametrize(("text", "value"), [(b"1e400", math.inf), (b"-Infinity", -math.inf), (b"NaN", math.nan)])
def test_numbers_outside_json_arrive(stage: Stage, text: bytes, value: float) -> None:
    task_id = f"number-{value}"
    stage.put(message(b"[[%b], {}, {}]" % text, task="echo", headers={"id": task_id, "stamps": {"x": value}}))
    found = stage.app.AsyncResult(task_id).get(timeout=20)
    assert found == value or (math.isnan(found) and math.isnan(value))


def test_a_number_of_ten_thousand_digits_is_set_aside(stage: Stage) -> None:
    stage.refuses(message(b"[[%b], {}, {}]" % (b"9" * 10_000)), "MalformedMessage.*digits")
    assert stage.send("echo", 10**4000).get(timeout=20) == 10**4000
