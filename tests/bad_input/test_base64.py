"""Bodies that say base64 and are none."""

from __future__ import annotations

import pytest

from tests.bad_input.stage import Stage, message


@pytest.mark.parametrize("body", ["%%%", "abc", "[[], {}, {}]", "é", "W1tdLHt9LHt9XQ=", "W1td\nLHt9LHt9XQ=="])
def test_base64_that_is_none_is_set_aside(stage: Stage, body: str) -> None:
    stage.refuses(message(body=body), "MalformedMessage: cannot read the body")
