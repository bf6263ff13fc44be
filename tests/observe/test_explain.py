"""Where a task is, told apart by its id, on each store."""

from __future__ import annotations

import time

import pytest

from celeriac.calls.progress import Progress, to_meta
from celeriac.message import document
from celeriac.message import task as wire
from celeriac.observe.explain import explain
from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import Hand


@pytest.fixture
def hand(app):
    app.store.run(c.OpenLease(c.Lease("serving", "e"), c.WorkerRecord(queues=("celery",))))
    return Hand(app.store, "w1@here")


def test_unknown(app):
    found = app.AsyncResult("nobody").explain()
    assert (found.status, found.state) == ("unknown", "PENDING")
    assert found.sentence == "unknown: no message, result or dead letter has this id"


def test_waiting_and_how_many_come_first(app, hand):
    results = [app.send_task("t.add", (number,)) for number in range(4)]
    found = results[2].explain()
    assert (found.status, found.task, found.queue, found.ahead, found.attempt) == ("waiting", "t.add", "celery", 2, 1)
    assert found.sentence == "waiting in queue celery, 2 messages are served before it"
    app.queues.pause("celery")
    assert results[0].explain().sentence == "waiting in the paused queue celery, 0 messages are served before it"


def test_waiting_where_nobody_serves(app):
    result = app.send_task("t.add", queue="emails")
    found = result.explain()
    assert (found.status, found.served_by) == ("waiting", ())
    assert "NO WORKER SERVES IT (no worker is there)" in found.sentence
    app.store.run(c.OpenLease(c.Lease("celery@vm/e1", "e"), c.WorkerRecord(queues=("celery", "x"))))
    sentence = explain(app.store, result.id, app="shop").sentence
    assert sentence == (
        "waiting in queue emails, 0 messages are served before it: NO WORKER SERVES IT (celery@vm serves celery, x). "
        "Start one: celeriac -A shop worker -Q emails"
    )
    app.store.run(c.OpenLease(c.Lease("second@vm/e1", "e"), c.WorkerRecord(queues=("emails",))))
    found = result.explain()
    assert found.sentence == "waiting in queue emails, 0 messages are served before it"
    assert found.served_by == ("second@vm",)


def test_running_with_its_progress(app, hand):
    result = app.send_task("t.add")
    (claim,) = hand.claim(1, "celery")
    meta = to_meta(Progress(2, 5, "pages"))
    hand.start(c.StartItem(claim.id, result.id, document.write_state(result.id, "PROGRESS", meta, 0.0)))
    found = result.explain()
    assert found.progress == "40 %: pages"
    assert found.sentence.endswith("(attempt 1), 40 %: pages")


def test_the_life_of_one_that_has_ended(app, hand):
    result = app.send_task("t.add")
    (claim,) = hand.claim(1, "celery")
    call = document.Family(
        call=document.write_run(document.begin_run("t.add", "w1@here", "celery", 2), 1_900_000_000.002, 1.9e9),
    )
    data = document.write(result.id, "SUCCESS", b'"a value"', 1_900_000_003.102, family=call)
    hand.finish(c.Outcome(claim.id, result.id, data))
    found = result.explain()
    assert (found.status, found.task, found.queue, found.worker) == ("finished", "t.add", "celery", "w1@here")
    assert (found.attempt, found.value, round(found.seconds, 3)) == (3, "'a value'", 3.1)
    assert found.sentence == (
        "finished at 2030-03-17 17:46:43 UTC: SUCCESS: 'a value'; t.add on w1@here from queue celery after 2 retries; "
        "sent 2030-03-17 17:46:40 UTC, started 2 ms later, ran for 3.1 s"
    )


def test_a_failed_task_says_that_it_can_be_run_again(app, hand):
    result = app.send_task("t.add")
    (claim,) = hand.claim(1, "celery")
    letter = c.DeadLetter(result.id, "celery", claim.raw, "no", task="t.add", worker="w1@here", failed=True)
    hand.finish(c.Outcome(claim.id, result.id, document.write_failure(result.id, ValueError("no"), 0.0), dead=letter))
    found = result.explain()
    assert (found.status, found.state, found.task, found.replayable) == ("finished", "FAILURE", "t.add", True)
    assert "FAILURE: ValueError('no'); t.add on w1@here from queue celery;" in found.sentence
    assert app.failed.replay(result.id)
    assert result.explain().status == "waiting"


def test_a_child_that_speaks_of_its_parent_is_not_its_parent(app):
    app.send_task("t.child", parent_id="parent", root_id="parent")
    assert app.AsyncResult("parent").explain().status == "unknown"


def test_running(app, hand):
    result = app.send_task("t.add", retries=2)
    hand.claim(1, "celery")
    found = result.explain()
    assert (found.status, found.worker, found.attempt) == ("running", "w1@here", 3)
    assert found.since is not None
    assert abs(found.since.timestamp() - time.time()) < 30
    assert found.sentence.startswith("running on w1@here since 2")
    assert found.sentence.endswith(" UTC (attempt 3)")
    result.revoke()
    assert result.explain().sentence.endswith("; it is revoked")


def test_delayed_and_parked(app, hand):
    result = app.send_task("t.add", countdown=3600)
    found = result.explain()
    assert (found.status, found.attempt) == ("delayed", 1)
    assert found.due is not None
    assert 3500 < found.due.timestamp() - time.time() < 3700
    assert found.sentence.startswith("delayed: it goes into queue celery at 2")
    parked = app.send_task("t.new")
    (claim,) = hand.claim(1, "celery")
    since = time.time() - 60
    hand.defer(
        c.Deferral(claim.id, parked.id, int(time.time() + 60) * 1000, wire.rewrite(claim.raw, **{wire.PARKED: since}))
    )
    found = parked.explain()
    assert found.status == "parked"
    assert "no worker that looked knows the task t.new" in found.sentence


def test_dead(app, hand):
    result = app.send_task("t.add")
    (claim,) = hand.claim(1, "celery")
    letter = c.DeadLetter(result.id, "celery", claim.raw, "died of it", task="t.add", worker="w1@here")
    hand.finish(c.Outcome(claim.id, result.id, document.write_failure(result.id, ValueError(), 0.0), dead=letter))
    found = result.explain()
    assert (found.status, found.state, found.reason, found.task) == ("dead", "FAILURE", "died of it", "t.add")
    assert found.sentence.endswith(": died of it")


@pytest.mark.parametrize(
    ("status", "word"),
    [("SUCCESS", "finished"), ("FAILURE", "finished"), ("REVOKED", "revoked"), ("STARTED", "elsewhere")],
)
def test_ended(app, hand, status, word):
    result = app.send_task("t.add")
    (claim,) = hand.claim(1, "celery")
    value = (
        b"null"
        if status in ("SUCCESS", "STARTED")
        else b'{"exc_type":"KeyError","exc_message":["k"],"exc_module":"builtins"}'
    )
    hand.finish(c.Outcome(claim.id, result.id, document.write(result.id, status, value, 1_900_000_000.0)))
    found = result.explain()
    assert (found.status, found.state) == (word, status)
    if word != "elsewhere":
        assert found.since is not None
        assert "2030-03-17 17:46:40 UTC" in found.sentence


def test_revoked_before_it_came(app):
    result = app.AsyncResult("later")
    result.revoke()
    assert (result.explain().status, result.explain().state) == ("revoked", "REVOKED")


def test_a_queue_that_is_too_long_is_named(app):
    last = [app.send_task("t.add") for _ in range(5)][-1]
    found = explain(app.store, last.id, depth=3)
    assert (found.status, found.unseen) == ("unknown", ("celery",))
    assert "of celery only the first 3 messages" in found.sentence
