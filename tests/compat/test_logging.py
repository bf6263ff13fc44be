"""What a worker says of tasks, line by line beside a real Celery's."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from celeriac import Celeriac
from celeriac.observe.log import Audit, read_log
from tests.compat.celery_side import Place, celeriac_worker, celery_worker
from tests.worker.ledger import wait_until

pytestmark = pytest.mark.slow

ENDS = ("work", "fail", "throw", "ignore", "reject", "retry")
EXPECTED = {
    "] received": 8,
    "about to": 7,
    "succeeded in": 1,
    "raised expected": 1,
    "raised unexpected": 2,
    "errors.OutOfStock: ": 2,
    "] ignored": 1,
    "exceptions.Reject: ": 1,
    "retry: Retry in": 1,
    "Discarding revoked task": 1,
}
"""How often these words are in a whole log; a task that is retried is received twice."""


def lines_of(log: Path, ids: dict[str, str]) -> list[str]:
    """The lines about tasks and the last line of each traceback; what differs in each run is replaced."""
    text = log.read_text()
    for id, how in ids.items():
        text = text.replace(id, f"id of {how}")
    text = re.sub(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: ", "[time: ", text, flags=re.MULTILINE)
    text = re.sub(r"in \d+\.\d+(e-\d+)?s", "in ... s", text)
    lines = [line for line in text.splitlines() if "id of" in line or re.match(r"[\w.]+: ", line)]
    # Which child it was is chance; which process says what of success and of revoking is not promised.
    lines = [re.sub(r"ForkPoolWorker-\d+", "ForkPoolWorker-n", line) for line in lines]
    lines = [re.sub(r"/\S+\] (.*(succeeded|Discarding))", r"] \1", line) for line in lines]
    return sorted(line.replace("celery.exceptions", "x").replace("celeriac.exceptions", "x") for line in lines)


def send_all(ours: Celeriac) -> dict[str, str]:
    """One task for each end, and one that comes too late; their ids."""
    ids = {ours.send_task("ends", (how,)).id: how for how in ENDS}
    return ids | {ours.send_task("ends", ("work",), expires=-5).id: "too late"}


def figures_of(log: Path) -> dict[str, Any]:
    """What `celeriac logtool stats` makes of a log."""
    audit = Audit()
    for record in read_log(log.read_text().splitlines()):
        audit.note(record)
    return audit.figures()


def complete(log: Path) -> bool:
    """Whether all have ended, and all is said of them."""
    text = log.read_text()
    return all(text.count(words) == expected for words, expected in EXPECTED.items())


def test_lines_about_tasks_are_those_of_celery(
    ours: Celeriac, place: Place, celery_python: Path, tmp_path: Path
) -> None:
    said: list[list[str]] = []
    figures: list[dict[str, Any]] = []
    for library in ("celery", "celeriac"):
        log = tmp_path / f"{library}.log"
        worker = (
            celeriac_worker(place, log, "-l", "INFO")
            if library == "celeriac"
            else celery_worker(celery_python, place, log, "-l", "INFO")
        )
        with worker:
            ids = send_all(ours)
            wait_until(partial(complete, log), 30, f"lines of {library}")
        said.append(lines_of(log, ids))
        figures.append(figures_of(log))
    theirs, own = said
    assert own == theirs
    assert figures[0] == figures[1]
    assert len(own) > 20
