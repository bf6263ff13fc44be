"""Tasks that end their process: an outcome each, and nobody else is charged."""

from __future__ import annotations

import pytest

from celeriac.exceptions import RemoteError, WorkerLostError
from tests.bad_input.stage import Stage
from tests.worker.ledger import wait_until


def test_sys_exit_is_a_failure_of_the_task_and_nothing_else(stage: Stage) -> None:
    wait_until(lambda: len(stage.worker.children) == 2, 10, "two children")  # one may be leaving
    children = stage.worker.children
    for task in ("error", "error_async"):
        with pytest.raises(RemoteError) as raised:
            stage.send(task, "exit").get(timeout=20)
        assert raised.value.remote_type == "builtins.SystemExit"
    assert stage.worker.children == children


@pytest.mark.parametrize(
    ("how", "cause"),
    [("_exit", "exit code 0"), ("abort", "SIGABRT"), ("kill", "SIGKILL"), ("segfault", "SIGSEGV")],
)
def test_a_task_that_ends_its_process_is_a_dead_letter_in_the_end(stage: Stage, how: str, cause: str) -> None:
    result = stage.send("end", how)
    neighbours = [stage.send("good", number) for number in range(20)]
    with pytest.raises(WorkerLostError, match=cause):
        result.get(timeout=20)
    assert [neighbour.get(timeout=20) for neighbour in neighbours] == [[number, 2 * number] for number in range(20)]
    assert stage.dead_letter(cause).id == result.id
