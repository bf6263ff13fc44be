"""What a look at a store says, and what two of them say together."""

from __future__ import annotations

import msgspec
import pytest

from celeriac.observe.overview import Overview, QueueView, TaskView, WorkerView, look
from celeriac.observe.trend import Trend, compared
from celeriac.stores import contract as c
from celeriac.stores.contract import runtimes
from celeriac.testing.conformance.hand import Hand


def worker(lease: str = "w/1", done: int = 0, **taken: int) -> WorkerView:
    return WorkerView("w", lease, True, 0.1, "here", 7, 0.0, 2, ("q",), 0, (), done, taken)


def queue(name: str = "q", ready: int = 0) -> QueueView:
    return QueueView(name, ready, 0, 0, 0, False)


def seen(moment: float, *views: WorkerView | QueueView | TaskView) -> Overview:
    workers = tuple(view for view in views if isinstance(view, WorkerView))
    queues = tuple(view for view in views if isinstance(view, QueueView))
    tasks = tuple(view for view in views if isinstance(view, TaskView))
    return Overview(1000.0 + moment, moment, workers, tasks, queues, ())


def test_a_look_says_who_holds_what_since_when(on_each_store):
    app, hand = on_each_store, Hand(on_each_store.store, "celery@here/ab12")
    result = app.send_task("tests.add", (1, 2))
    app.send_task("tests.add", (3, 4))
    app.store.run(c.Enqueue((c.Message("m", "celery", b"no task"),)))
    hand.claim(1, "celery")
    before = app.clock.now()
    now = look(app.store)
    (found,) = now.workers
    assert (found.name, found.lease, found.alive, found.held) == ("celery@here", "celery@here/ab12", True, 1)
    (run,) = found.runs
    assert (run.id, run.task, run.queue, run.attempt) == (result.id, "tests.add", "celery", 1)
    assert run.since == pytest.approx(before, abs=60)
    (waiting,) = (each for each in now.queues if each.queue == "celery")
    assert (waiting.queue, waiting.ready, waiting.claimed, waiting.rate_in) == ("celery", 2, 1, None)
    hand.claim(2, "celery")
    assert [each.task for each in look(app.store).workers[0].runs] == ["tests.add", "tests.add", ""]


def test_a_worker_that_was_silent_for_a_lease_does_not_live(on_each_store):
    store, hand = on_each_store.store, Hand(on_each_store.store, "w")
    store.run(c.Heartbeat(hand.lease, c.WorkerCounters(3, {"q": 3})))
    assert look(store).living[0].done == 3
    if store.expiring:
        store.lease_seconds = -1.0
        assert look(store).living == []


def test_rates_are_what_was_counted_between_two_looks():
    before = seen(10.0, worker(done=5, q=10, other=1), queue(ready=4), queue("other"))
    after = seen(12.0, worker(done=25, q=30, other=1), worker("w/2", 50, q=50), queue(ready=10), queue("other"))
    now = compared(before, after)
    assert [each.rate for each in now.workers] == [10.0, None]
    assert [(each.rate_in, each.rate_out) for each in now.queues] == [(13.0, 10.0), (0.0, 0.0)]


def test_a_purge_is_no_negative_rate():
    now = compared(seen(0.0, worker(), queue(ready=100)), seen(1.0, worker(), queue()))
    assert [(each.rate_in, each.rate_out) for each in now.queues] == [(0.0, 0.0)]


def test_rates_are_of_the_last_seconds():
    trend = Trend(window=10.0)
    rates = []
    for moment, done in ((0.0, 0), (0.1, 1), (5.0, 50), (10.0, 100), (18.0, 100), (29.0, 100)):
        (found,) = trend.rated(seen(moment, worker(done=done))).workers
        rates.append(found.rate)
    assert rates == [None, None, 10.0, 10.0, 0.0, None]
    assert msgspec.to_builtins(seen(1.0, worker()))["workers"][0]["rate"] is None


def test_tasks_are_those_of_all_workers(on_each_store):
    store = on_each_store.store
    for name, counters in (
        ("one", c.TaskCounters(100, 2, runtimes.count([0.01] * 98))),
        ("other", c.TaskCounters(50, 0, runtimes.count([1.0] * 50))),
    ):
        hand = Hand(store, name)
        store.run(c.Heartbeat(hand.lease, c.WorkerCounters(counters.done, {}, {"shop.pay": counters})))
    (task,) = look(store).tasks
    assert (task.name, task.done, task.failed, task.rate) == ("shop.pay", 150, 2, None)
    assert task.p50 == pytest.approx(0.01, rel=0.13)
    assert task.p95 == pytest.approx(1.0, rel=0.13)


def test_rates_and_run_times_of_a_task_are_of_what_ended_since():
    slow = TaskView("t", 1000, 10, runtimes.count([5.0] * 1000))
    fast = TaskView("t", 1100, 15, runtimes.added(slow.runtimes, runtimes.count([0.002] * 100)))
    (now,) = compared(seen(0.0, slow), seen(10.0, fast)).tasks
    assert (now.rate, now.rate_failed) == (10.0, 0.5)
    assert now.p95 == pytest.approx(0.002, rel=0.13)
    (idle,) = compared(seen(0.0, fast), seen(10.0, fast)).tasks
    assert idle.rate == 0.0
    assert idle.p95 == pytest.approx(5.0, rel=0.13)
