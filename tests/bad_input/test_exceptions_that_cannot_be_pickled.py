"""Exceptions that cannot be pickled, shown or made again: each is one failure under its own name."""

from __future__ import annotations

import pytest

from tests.bad_input.stage import Stage

NAMES = {
    "unpicklable": "Unpicklable",
    "hostile argument": "ValueError",
    "false arguments": "FalseArguments",
    "circle": "ValueError",
    "nested": "ExceptionGroup",
    "ten megabytes": "ValueError",
    "local": "Local",
    "exit": "SystemExit",
    "interrupt": "KeyboardInterrupt",
    "generator exit": "GeneratorExit",
}


@pytest.mark.parametrize("task", ["error", "error_async"])
@pytest.mark.parametrize("kind", NAMES)
def test_every_exception_is_one_failure(stage: Stage, kind: str, task: str) -> None:
    result = stage.send(task, kind)
    error = result.get(timeout=20, propagate=False)
    assert result.state == "FAILURE"
    assert isinstance(error, Exception)
    assert type(error).__name__ == NAMES[kind]
    assert result.traceback
    assert len(str(error)) < 2_000_000
