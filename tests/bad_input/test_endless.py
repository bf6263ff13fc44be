"""Tasks that never end by themselves."""

from __future__ import annotations

import pytest

from celeriac.exceptions import SoftTimeLimitExceeded
from tests.bad_input.stage import Stage


def test_a_loop_ends_at_its_soft_limit(stage: Stage) -> None:
    with pytest.raises(SoftTimeLimitExceeded):
        stage.send("spin").get(timeout=20)
