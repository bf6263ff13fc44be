"""The table of `docs/delivery.md`, each cell with real processes and real kills."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from celeriac.exceptions import WorkerLostError
from celeriac.result import AsyncResult
from celeriac.stores import contract as c
from tests.worker.ledger import wait_until
from tests.worker.process import Worker, freeze
from tests.worker.scene import Scene

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

APP = "tests.worker.declarations"
DOCUMENT = Path(__file__).parents[2] / "docs" / "delivery.md"
DECLARED = list(product(("unset", "True", "False"), repeat=2))
AGAIN, FAILURE = "runs again", "FAILURE"

Lose = Callable[[Scene, Worker], None]


def promised() -> dict[str, list[str]]:
    """The columns of the table in the document."""
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in DOCUMENT.read_text().splitlines()
        if line.startswith("|") and not line.startswith("|--")
    ]
    head, *body = rows
    assert [tuple(row[:2]) for row in body] == DECLARED
    return {column: [row[place] for row in body] for place, column in enumerate(head) if place > 1}


def lose_children(scene: Scene, worker: Worker) -> None:
    for child in worker.children:
        os.kill(child, signal.SIGKILL)


def lose_worker(scene: Scene, worker: Worker) -> None:
    worker.tell_all(signal.SIGKILL)
    worker.wait()
    scene.ready_worker(len(DECLARED), app=APP)


def lose_grace(scene: Scene, worker: Worker) -> None:
    worker.tell(signal.SIGQUIT)
    assert worker.wait() == 1
    scene.ready_worker(len(DECLARED), app=APP)


def lose_lease(scene: Scene, worker: Worker) -> None:
    """Its peer watches it through a lease in which it does not move, and takes over."""
    scene.ready_worker(len(DECLARED), app=APP)
    freeze(worker.core)
    try:
        wait_until(lambda: len(scene.ledger.ends()) >= 6, 20, "what the frozen worker held to end elsewhere")
    finally:
        os.kill(worker.core, signal.SIGCONT)


LOSSES: dict[str, Lose] = {
    "child lost": lose_children,
    "worker lost": lose_worker,
    "grace over": lose_grace,
    "lease lost": lose_lease,
}


def outcome(scene: Scene, number: int, result: AsyncResult[Any]) -> str:
    """What became of it, and that all else fits."""
    value = result.get(timeout=20, propagate=False)
    starts = len(scene.ledger.starts(number))
    dead = [letter.id for letter in scene.app.store.run(c.DeadLetters())]
    if value == number and starts == 2 and result.id not in dead:
        return AGAIN
    if isinstance(value, WorkerLostError) and starts == 1 and result.id in dead:
        return FAILURE
    return f"{value!r}, began {starts} times, {'dead' if result.id in dead else 'no dead'} letter"


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_promised_happens(scene: Scene, loss: str) -> None:
    if loss == "lease lost" and scene.url.startswith("sqlite"):
        pytest.skip("on SQLite the kernel knows who lives: a worker that stands still is not robbed")
    scene.lease = 2.0 if loss == "lease lost" else scene.lease
    worker = scene.ready_worker(len(DECLARED), app=APP)
    results = [scene.send(f"late {late}, reject {reject}", number) for number, (late, reject) in enumerate(DECLARED)]
    scene.ledger.wait_for_starts(len(DECLARED))
    LOSSES[loss](scene, worker)
    found = [outcome(scene, number, result) for number, result in enumerate(results)]
    assert found == promised()[loss]


def test_a_lost_child_counts_as_a_retry_where_the_task_says_so(scene: Scene) -> None:
    worker = scene.ready_worker(1, app=APP)
    result = scene.send("retried when lost", 1)
    scene.ledger.wait_for_starts(1, 1)
    os.kill(worker.children[0], signal.SIGKILL)
    scene.ledger.wait_for_starts(2, 1)
    assert [record.extra for record in scene.ledger.starts(1)] == [0, 0], "a retry is no crash"
    wait_until(lambda: len(worker.wait_ready(1).children) == 1, 10, "the next child")
    os.kill(scene.ledger.starts(1)[1].pid, signal.SIGKILL)
    with pytest.raises(WorkerLostError, match="SIGKILL"):
        result.get(timeout=20)
    assert len(scene.ledger.starts(1)) == 2
