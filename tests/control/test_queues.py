"""`app.queues`: counted, looked into, paused, emptied, with workers around."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from celeriac.exceptions import TimeoutError
from celeriac.ids import new_id
from celeriac.stores import contract as c
from celeriac.worker.processes.inprocess import InProcessWorker

SECONDS = 20


def test_depth_and_age(app):
    app.send_task("t.add", queue="old")
    time.sleep(0.05)
    app.send_task("t.add", queue="old", priority=0)
    app.send_task("t.add", queue="low", priority=9)
    states = {state.queue: state for state in app.queues.list()}
    assert (states["old"].ready, states["low"].ready, states["old"].paused) == (2, 1, False)
    assert states["old"].oldest is not None
    assert 0.04 < states["old"].oldest < SECONDS
    (none,) = app.queues.list("none")
    assert (none.ready, none.oldest) == (0, None)


def test_age_counts_from_when_it_was_due(app):
    past = "2020-01-01T00:00:00+00:00"
    app.send_task("t.add", eta=past, queue="q")
    assert app.queues.list("q")[0].oldest < SECONDS


def test_age_of_what_does_not_tell_is_unknown(app):
    raw = json.dumps({"headers": {"id": "x", "task": "t"}, "properties": {"delivery_tag": new_id()}, "body": ""})
    app.store.run(c.Enqueue((c.Message("x", "q", raw.encode()), c.Message("y", "q", b"rubbish"))))
    assert app.queues.list("q")[0].oldest is None
    assert [(each.id, each.task, each.age) for each in app.queues.peek("q")] == [("x", "t", None), ("", "", None)]


def test_peek(app):
    ids = [app.send_task("t.add", (number,), {"k": 1}).id for number in range(3)]
    first, second = app.queues.peek("celery", 2)
    assert [first.id, second.id] == ids[:2]
    assert (first.task, first.args, first.kwargs, first.priority) == ("t.add", "(0,)", "{'k': 1}", 0)
    assert app.queues.list("celery")[0].ready == 3


def test_purge(app):
    for _ in range(5):
        app.send_task("t.add")
    app.send_task("t.add", queue="kept")
    counted: list[int] = []
    assert app.queues.purge("celery", "none", progress=counted.append) == 5
    assert (counted, app.queues.purge(), app.queues.purge("celery")) == ([5], 0, 0)
    assert [state.ready for state in app.queues.list("celery", "kept")] == [0, 1]


def test_workers_stop_at_a_pause_and_go_on_at_its_end(app):
    task = app.task(lambda number: number, name="t.same")
    with InProcessWorker(app):
        assert task.delay(1).get(SECONDS) == 1
        app.queues.pause("celery")
        held = [task.delay(number) for number in range(20)]
        with pytest.raises(TimeoutError):
            held[0].get(0.4)
        assert app.queues.list("celery")[0].ready == 20
        began = time.monotonic()
        app.queues.resume("celery")
        assert [result.get(SECONDS) for result in held] == list(range(20))
        assert time.monotonic() - began < 2, "workers are told"


def test_a_paused_queue_costs_its_workers_nothing(app):
    """Above all they do not ask again and again."""
    task = app.task(lambda: None, name="t.none")
    app.queues.pause("celery")
    for _ in range(50):
        task.delay()
    with InProcessWorker(app) as worker:
        time.sleep(0.3)
        before = worker.stats.requests
        time.sleep(1.0)
        assert worker.stats.requests - before < 10
        app.queues.resume("celery")


def test_other_queues_go_on(app):
    task = app.task(lambda: "done", name="t.done")
    app.queues.pause("celery")
    with InProcessWorker(app, queues=("celery", "other")):
        waiting = task.delay()
        for _ in range(5):
            assert task.apply_async(queue="other").get(SECONDS) == "done"
        assert not waiting.ready()
        app.queues.resume("celery")
        assert waiting.get(SECONDS) == "done"


def test_await_in_the_loop_of_a_web_application(app):
    task = app.task(lambda number: number + 1, name="t.next")

    async def main() -> list[int]:
        return await asyncio.gather(*(one(number) for number in range(10)))

    async def one(number: int) -> int:
        return await (await task.adelay(number))

    with InProcessWorker(app):
        assert asyncio.run(main()) == list(range(1, 11))
