"""Tasks that take all memory or all descriptors of their process. Limits of the process keep the machine out of it."""

from __future__ import annotations

import pytest

from celeriac.exceptions import RemoteError, WorkerLostError
from tests.bad_input.stage import Stage


def test_a_task_that_gets_no_more_memory_is_a_failure(stage: Stage) -> None:
    with pytest.raises(MemoryError):
        stage.send("eat_memory").get(timeout=20)


def test_a_task_that_runs_out_of_descriptors_is_a_failure(stage: Stage) -> None:
    with pytest.raises(OSError, match="Too many open files"):
        stage.send("eat_descriptors", False).get(timeout=20)


def test_a_child_without_memory_goes_on_or_is_replaced(stage: Stage) -> None:
    result = stage.send("keep_no_memory")
    try:
        assert result.get(timeout=20) == "x" * 1000
    except (MemoryError, WorkerLostError):
        stage.forgive()


def test_a_child_without_descriptors_goes_on(stage: Stage) -> None:
    assert stage.send("eat_descriptors", True).get(timeout=20) > 50
    data = "x" * 3_000_000
    for _ in range(4):
        assert stage.send("echo", data).get(timeout=20) == data


def test_where_no_event_loop_can_be_had_another_child_runs_the_coroutines(stage: Stage) -> None:
    for _ in range(4):
        assert stage.send("eat_descriptors", True).get(timeout=20) >= 0
    for result in [stage.send("error_async", "exit") for _ in range(8)]:
        with pytest.raises(RemoteError):
            result.get(timeout=20)
