"""Half a character: fine in values, impossible in names."""

from __future__ import annotations

import pytest

from tests.bad_input.stage import Stage, message

HALF = "\ud800"


def test_lone_surrogates_in_arguments_and_results_arrive(stage: Stage) -> None:
    assert stage.send("echo", {HALF: [HALF]}).get(timeout=20) == {HALF: [HALF]}


def test_lone_surrogates_in_an_error_arrive(stage: Stage) -> None:
    with pytest.raises(ValueError, match=HALF):
        stage.send("error", "surrogates").get(timeout=20)


@pytest.mark.parametrize("name", ["id", "task", "eta", "expires"])
def test_lone_surrogates_in_names_are_set_aside(stage: Stage, name: str) -> None:
    stage.refuses(message(headers={name: HALF}), "MalformedMessage")


def test_lone_surrogates_in_other_headers_do_no_harm(stage: Stage) -> None:
    stage.put(message(headers={"id": "half", "shadow": HALF, "argsrepr": HALF, "mine": HALF}))
    assert stage.app.AsyncResult("half").get(timeout=20) == [1, 2]


def test_bytes_that_are_no_utf_8_are_set_aside(stage: Stage) -> None:
    stage.refuses(message().replace(b'"good"', b'"g\xffod"'), "MalformedMessage")
    stage.refuses(message(b'[["\xff"], {}, {}]'), "MalformedMessage")
