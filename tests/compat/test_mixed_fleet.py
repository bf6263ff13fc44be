"""Workers and producers of both libraries on one queue: everything is done, and everything once."""

from __future__ import annotations

import os
import threading
from collections import Counter

import pytest
import redis

from celeriac import gather
from tests.compat.celery_side import celeriac_worker, celery_worker
from tests.compat.conftest import client_at

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

EACH = 1000
SECONDS = 0.003
"""How long a task takes: long enough that neither worker empties the queue alone."""


@pytest.fixture
def mixed(place, celery_python, tmp_path):
    """A worker of each library on the same queue."""
    with (
        celery_worker(celery_python, place, tmp_path / "celery.log"),
        celeriac_worker(place, tmp_path / "celeriac.log"),
        client_at(place) as app,
    ):
        both: set[str] = set()
        while len(both) < 2:
            marks = app.tasks["mark"].delay_many((os.devnull, "ready", SECONDS) for _ in range(20))
            both |= set(gather(marks, timeout=50))
        yield place


def test_two_thousand_tasks_from_both_producers_are_shared_and_each_is_done_once(celery, ours, mixed, tmp_path):
    done = str(tmp_path / "done")
    theirs = [f"theirs-{number}" for number in range(EACH)]
    sending = threading.Thread(
        target=celery,
        args=("[app.tasks['mark'].apply_async(({done}, id, {seconds}), task_id=id).id for id in {ids}]", mixed),
        kwargs={"done": done, "seconds": SECONDS, "ids": theirs},
    )
    sending.start()
    results = ours.tasks["mark"].delay_many((done, f"ours-{number}", SECONDS) for number in range(EACH // 2))
    for number in range(EACH // 2, EACH):
        results.append(ours.tasks["mark"].delay(done, f"ours-{number}", SECONDS))
    sending.join()
    libraries = gather([*results, *(ours.AsyncResult(task_id) for task_id in theirs)], timeout=60)
    counted = Counter((tmp_path / "done").read_text().splitlines())
    assert counted == Counter([*theirs, *(f"ours-{number}" for number in range(EACH))])
    shares = Counter(libraries)
    assert set(shares) == {"celery", "celeriac"}
    assert sum(shares.values()) == 2 * EACH
    with redis.Redis.from_url(mixed.broker) as server:
        assert server.llen("celery") == 0


def test_countdowns_and_retries_end_well_whoever_gets_them(celery, ours, mixed):
    waiting = [ours.tasks["add"].apply_async((number,), countdown=0.5) for number in range(20)]
    retried = [ours.tasks["unsteady"].delay(2) for _ in range(20)]
    theirs = celery("[app.tasks['unsteady'].apply_async((2,), countdown=0.2).id for _ in range(20)]", mixed)
    assert gather(waiting, timeout=30) == [number + 1 for number in range(20)]
    assert gather(retried, timeout=30) == [[result.id, 2] for result in retried]
    seen = celery("[app.AsyncResult(id).get(timeout=30) for id in {ids}]", mixed, ids=theirs)
    assert seen == [[task_id, 2] for task_id in theirs]
