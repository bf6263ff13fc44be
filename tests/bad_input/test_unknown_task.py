"""A task that nobody knows, where it is not to be parked: `tests/worker/test_unknown.py` has the parking."""

from __future__ import annotations

import pytest

from celeriac.exceptions import NotRegistered
from tests.bad_input.stage import Stage, message


@pytest.mark.parametrize("name", ["no.such.task", "__import__", "os.system", "../../etc/passwd", "line\nbreak", "\x00"])
def test_a_task_that_is_not_known_is_set_aside(stage: Stage, name: str) -> None:
    raw = message(task=name)
    letter = stage.refuses(raw, "NotRegistered")
    with pytest.raises(NotRegistered):
        stage.app.AsyncResult(letter.id).get(timeout=20)
