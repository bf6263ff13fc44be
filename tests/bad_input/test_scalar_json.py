"""JSON that is no object, as a message and as a body."""

from __future__ import annotations

import pytest

from tests.bad_input.stage import Stage, message

SCALARS = [b"5", b'"text"', b"null", b"true", b"[]", b"1.5"]


@pytest.mark.parametrize("raw", SCALARS)
def test_a_message_that_is_a_scalar_is_set_aside(stage: Stage, raw: bytes) -> None:
    stage.refuses(raw, "MalformedMessage")


@pytest.mark.parametrize("body", [*SCALARS, b"{}", b"[1, 2]", b"[[], {}, {}, {}]"])
def test_a_body_that_is_a_scalar_is_set_aside(stage: Stage, body: bytes) -> None:
    stage.refuses(message(body), "MalformedMessage.*body")
