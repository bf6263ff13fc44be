"""Delayed tasks from Python, on each store; with 200,000 of them, one is found and changed as quickly as with one."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from celeriac import Celeriac
from celeriac.calls.sender import Call
from celeriac.message import task as wire
from celeriac.stores import contract as c

MANY = 200_000
HOUR = 3_600_000


@pytest.fixture
def app(served: Celeriac) -> Celeriac:
    return served


def test_what_is_delayed_can_be_seen(app):
    due = datetime.now(UTC) + timedelta(hours=2)
    app.send_task("shop.pay", (1, "ü"), {"how": "card"}, eta=due, task_id="one", priority=6)
    (found,) = app.delayed.list()
    assert (found.id, found.task_id, found.task, found.queue, found.priority) == ("one", "one", "shop.pay", "celery", 6)
    assert found.arguments == ([1, "ü"], {"how": "card"})
    assert abs((found.due - due).total_seconds()) < 5
    assert app.delayed.get("one") == found
    assert app.delayed.get("two") is None


def test_what_is_no_message_can_be_seen_too(app):
    app.store.run(c.Enqueue((c.Message("torn", "celery", b"\xff{", delay=HOUR),)))
    (found,) = app.delayed.list()
    assert (found.id, found.task) == ("torn", "")
    assert app.delayed.cancel("torn")


def test_a_change_of_time_is_seen_by_store_and_message(app):
    app.send_task("shop.pay", countdown=3600, task_id="one")
    assert app.delayed.change("one", countdown=7200)
    found = app.delayed.get("one")
    assert 7100 < (found.due - datetime.now(UTC)).total_seconds() <= 7200
    eta = wire.read_task(found.raw).headers.eta
    assert eta is not None
    assert abs(datetime.fromisoformat(eta) - found.due) < timedelta(seconds=5)
    assert app.delayed.change("one", eta=datetime(2096, 1, 1))
    assert abs(app.delayed.get("one").due - datetime(2096, 1, 1, tzinfo=UTC)) < timedelta(seconds=5)


def test_arguments_are_changed_one_by_one(app):
    app.send_task("shop.pay", (1,), {"how": "card"}, countdown=3600, task_id="one")
    before = app.delayed.get("one")
    assert app.delayed.change("one", args=(2, "ü"))
    assert app.delayed.get("one").arguments == ([2, "ü"], {"how": "card"})
    assert app.delayed.change("one", kwargs={"how": "cash"}, queue="other")
    after = app.delayed.get("one")
    assert (after.arguments, after.queue, after.due) == (([2, "ü"], {"how": "cash"}), "other", before.due)
    assert wire.read_task(after.raw).headers.argsrepr == "[2, 'ü']"


def test_what_is_not_there_is_neither_changed_nor_cancelled(app):
    assert not app.delayed.change("one", countdown=1)
    assert not app.delayed.cancel("one")
    assert app.AsyncResult("one").state == "PENDING"


def test_a_later_attempt_goes_by_the_id_of_the_task(app):
    app.sender.send([Call(task="shop.pay", task_id="one", retries=3, countdown=3600)])
    assert app.delayed.get("one").id == "one:3"
    assert app.delayed.get("on") is None
    assert app.delayed.cancel("one")
    assert app.AsyncResult("one").state == "REVOKED"


def test_many_are_cancelled_by_what_they_have_in_common(app):
    app.sender.send(Call(task="shop.pay", args=(number,), countdown=3600) for number in range(1200))
    kept = app.send_task("shop.close", countdown=3600)
    assert app.delayed.cancel_all(queue="other") == 0
    assert app.delayed.cancel_all(task="shop.pay") == 1200
    assert [found.id for found in app.delayed.list()] == [kept.id]


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("on_each_store", ["sqlite", "redis"], indirect=True)
def test_among_very_many_one_is_found_changed_and_cancelled_at_once(app):
    _, message = app.sender.message(Call(task="shop.pay", args=(1,), task_id="task", countdown=3600))
    batches = (range(start, start + 2000) for start in range(0, MANY, 2000))
    app.store.run_many(
        (
            c.Enqueue(tuple(c.Message(f"t{n}", "celery", message.raw, delay=HOUR + n) for n in batch))
            for batch in batches
        ),
        deadline=60,
    )
    began = time.monotonic()
    assert app.delayed.get("t123456").task == "shop.pay"
    assert app.delayed.change("t123456", countdown=7200, args=(2,))
    assert app.delayed.cancel("t77")
    assert app.control.revoke("t78") == ("t78",)
    assert len(app.delayed.list(100)) == 100
    assert [found.id for found in app.delayed.list(prefix="t12345")][:2] == ["t12345", "t123450"]
    # All of it takes a few hundredths of a second; a look through all messages, seconds.
    assert time.monotonic() - began < 1.5
    assert app.store.run(c.Stats(("celery",)))[0].delayed == MANY - 2
