"""Content types that nobody here reads."""

from __future__ import annotations

import pytest

from tests.bad_input.stage import Stage, message


@pytest.mark.parametrize(
    "kind", ["application/x-python-serialize", "application/x-yaml", "text/plain", "", "x" * 100_000]
)
def test_a_content_type_that_is_not_known_is_set_aside(stage: Stage, kind: str) -> None:
    stage.refuses(message(content_type=kind), "ContentDisallowed: content of type")
