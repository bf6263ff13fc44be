"""Queues, priorities, and lengths that others read, with producers of both libraries."""

from __future__ import annotations

import time

import pytest
import redis

from tests.compat.celery_side import celeriac_worker, celery_worker
from tests.compat.conftest import client_at

pytestmark = pytest.mark.slow

PRIORITIES = (9, 0, 6, 3, 5, 0, 9, 2)


@pytest.fixture(params=["celeriac", "celery"])
def start_worker(request, celery_python, place, tmp_path):
    """How to start a worker of either library at `place`, with one child and more options."""

    def start(*options):
        log = tmp_path / "worker.log"
        if request.param == "celeriac":
            return celeriac_worker(place, log, "-c", "1", *options)
        return celery_worker(celery_python, place, log, "-c", "1", *options)

    return start


def lines_of(path, count):
    """The lines of a file once there are so many."""
    ends = time.monotonic() + 30
    while len(lines := path.read_text().splitlines() if path.exists() else []) < count:
        assert time.monotonic() < ends, f"{len(lines)} of {count} lines"
        time.sleep(0.01)
    return lines


def test_smaller_priorities_are_served_first(celery, ours, place, start_worker, tmp_path):
    done = tmp_path / "done"
    for number, priority in enumerate(PRIORITIES):
        call = {"args": (str(done), f"{priority} {number}"), "priority": priority, "ignore_result": True}
        if number % 2:
            ours.tasks["mark"].apply_async(**call)
        else:
            celery("app.tasks['mark'].apply_async(**{call}).id", place, call=call)
    with start_worker():
        lines = [tuple(map(int, line.split())) for line in lines_of(done, len(PRIORITIES))]
    # Celery has four steps a queue: 0, 3, 6, 9.
    expected = sorted(enumerate(PRIORITIES), key=lambda pair: (min(pair[1] // 3, 3), pair[0]))
    assert lines == [(priority, number) for number, priority in expected]


def test_worker_serves_its_queues_and_leaves_the_others(celery, ours, place, start_worker, tmp_path):
    done = tmp_path / "done"
    for queue in ("first", "second", "third"):
        ours.tasks["mark"].apply_async((str(done), f"{queue} ours"), queue=queue)
        celery(
            "app.tasks['mark'].apply_async(({path}, {text}), queue={queue}).id",
            place,
            path=str(done),
            text=f"{queue} theirs",
            queue=queue,
        )
    with start_worker("-Q", "first,second"):
        lines = lines_of(done, 4)
    assert sorted(lines) == ["first ours", "first theirs", "second ours", "second theirs"]
    with redis.Redis.from_url(place.broker) as server:
        assert [server.llen(queue) for queue in ("first", "second", "third")] == [0, 0, 2]


def test_ignored_results_are_not_stored(celery, ours, place, start_worker, tmp_path):
    done = tmp_path / "done"
    options = {"args": (str(done), "line"), "ignore_result": True}
    ids = [
        ours.tasks["mark"].apply_async(**options).id,
        celery("app.tasks['mark'].apply_async(**{options}).id", place, options=options),
        ours.tasks["quiet"].delay().id,
        celery("app.tasks['quiet'].delay().id", place),
    ]
    kept = ours.tasks["add"].delay(1)
    with start_worker():
        assert kept.get(timeout=20) == 2
        lines_of(done, 2)
    with redis.Redis.from_url(place.results) as server:
        assert [server.exists(f"celery-task-meta-{task_id}") for task_id in (*ids, kept.id)] == [0, 0, 0, 0, 1]


def test_length_of_the_list_is_the_length_of_the_queue(celery, ours, place):
    with redis.Redis.from_url(place.broker) as server:
        for _ in range(3):
            celery("app.tasks['add'].delay(1).id", place)
            ours.tasks["add"].delay(1)
        ours.tasks["add"].delay_many([(1,)] * 10)
        assert server.llen("celery") == 16
        ours.tasks["add"].apply_async((1,), priority=6)
        celery("app.tasks['add'].apply_async((1,), priority=6).id", place)
        assert (server.llen("celery"), server.llen("celery\x06\x166")) == (16, 2)


def test_length_does_not_count_what_a_worker_of_ours_has_in_hand(place, tmp_path):
    with client_at(place) as app, redis.Redis.from_url(place.broker) as server:
        done = tmp_path / "done"
        with celeriac_worker(place, tmp_path / "worker.log", "-c", "1"):
            app.tasks["mark"].delay_many((str(done), str(number), 0.3) for number in range(3))
            lines_of(done, 1)
            assert server.llen("celery") <= 2
            lines_of(done, 3)
            assert server.llen("celery") == 0
