"""Tasks that close what their child talks to the core through."""

from __future__ import annotations

from celeriac.exceptions import WorkerLostError
from tests.bad_input.stage import Stage


def test_a_task_that_closes_all_descriptors_costs_its_child_and_nothing_else(stage: Stage) -> None:
    results = [stage.send("end", "close all") for _ in range(3)]
    for result in results:
        try:
            assert result.get(timeout=20) == "not ended"
        except WorkerLostError:
            stage.forgive()
