"""Times, delays, limits and counts that nobody can mean."""

from __future__ import annotations

import math
from typing import Any

import pytest

from celeriac.exceptions import InvalidOption
from tests.bad_input.stage import Stage, message


@pytest.mark.parametrize("eta", ["tomorrow", "99999-01-01T00:00:00", "2026-13-45", "1e400", "x" * 100_000])
def test_an_eta_that_is_no_time_is_set_aside(stage: Stage, eta: str) -> None:
    stage.refuses(message(headers={"eta": eta}), "MalformedMessage")


@pytest.mark.parametrize("eta", ["0001-01-01T00:00:00+23:59", "1969-12-31T00:00:00", "2020-01-01"])
def test_an_eta_long_past_is_now(stage: Stage, eta: str) -> None:
    task_id = f"past-{eta}"
    stage.put(message(b"[[7], {}, {}]", headers={"id": task_id, "eta": eta}))
    assert stage.app.AsyncResult(task_id).get(timeout=20) == [7, 14]


@pytest.mark.parametrize("expires", ["never", "99999-01-01T00:00:00"])
def test_an_expiry_that_is_no_time_is_set_aside(stage: Stage, expires: str) -> None:
    stage.refuses(message(headers={"expires": expires}), "MalformedMessage")


@pytest.mark.parametrize("limit", [1e300, 10**400, -1, "1"])
def test_a_time_limit_that_is_none_is_set_aside(stage: Stage, limit: Any) -> None:
    stage.refuses(message(headers={"timelimit": [limit, None]}), "MalformedMessage")


@pytest.mark.parametrize(
    "option",
    [
        {"countdown": 1e400},
        {"countdown": math.nan},
        {"countdown": 10**30},
        {"countdown": "5"},
        {"eta": "tomorrow"},
        {"eta": 5},
        {"expires": math.inf},
        {"expires": "never"},
        {"expires": []},
        {"priority": 10**9},
        {"priority": -1},
        {"priority": "first"},
        {"retries": -1},
        {"time_limit": math.nan},
        {"soft_time_limit": -1},
        {"time_limit": "60"},
    ],
    ids=str,
)
def test_the_caller_hears_at_once_of_an_option_that_makes_no_sense(stage: Stage, option: dict[str, Any]) -> None:
    (name,) = option
    with pytest.raises(InvalidOption, match=name):
        stage.send("good", 1, **option)
