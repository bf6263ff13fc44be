"""Countdowns, etas, retries: what is due later, between the libraries."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import redis

from celeriac.exceptions import TaskRevokedError
from celeriac.message import task as wire
from celeriac.stores.contract import Stats
from tests.compat.celery_side import Raised
from tests.compat.conftest import client_at
from tests.peek import waiting

pytestmark = pytest.mark.slow

EARLY = 0.01
"""Clocks are read in milliseconds, here and there."""

LATE = 5.0
"""How late a loaded machine may be."""

EAST = timezone(timedelta(hours=9))


def counts(app):
    """Ready and delayed messages of the default queue."""
    (queue,) = app.store.run(Stats(("celery",)))
    return queue.ready, queue.delayed


@pytest.mark.parametrize("option", ["countdown", "eta", "eta elsewhere"])
def test_celery_client_and_our_worker(celery, celeriac_works, option):
    due = time.time() + 1.0
    options = {"countdown": 1.0} if option == "countdown" else {"eta": moment(due, option)}
    done = celery("app.tasks['now'].apply_async(**{options}).get(timeout=20)", celeriac_works, options=options)
    assert due - EARLY <= done < due + LATE


@pytest.mark.parametrize("option", ["countdown", "eta", "eta elsewhere", "naive eta"])
def test_our_client_and_celery_worker(celery_works, option):
    with client_at(celery_works) as app:
        due = time.time() + 1.0
        options = {"countdown": 1.0} if option == "countdown" else {"eta": moment(due, option)}
        done = app.tasks["now"].apply_async(**options).get(timeout=20)
        assert due - EARLY <= done < due + LATE
        assert counts(app)[1] == 0


def moment(seconds, kind):
    """An instant in the form asked for; without a zone it is UTC, as Celery has it by default."""
    if kind == "naive eta":
        return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return datetime.fromtimestamp(seconds, EAST if kind == "eta elsewhere" else UTC)


def test_eta_that_is_past_is_now(celery, celeriac_works, celery_works):
    past = datetime.now(UTC) - timedelta(days=1)
    started = time.time()
    assert (
        celery("app.tasks['now'].apply_async(eta={past}).get(timeout=20)", celeriac_works, past=past) < started + LATE
    )
    with client_at(celery_works) as app:
        assert app.tasks["now"].apply_async(eta=past).get(timeout=20) < started + LATE


def test_what_has_expired_is_revoked(celery, celeriac_works, celery_works):
    past = datetime.now(UTC) - timedelta(hours=1)
    with pytest.raises(Raised, match="expired") as raised:
        celery("app.tasks['add'].apply_async((1,), expires={past}).get(timeout=20)", celeriac_works, past=past)
    assert raised.value.kind == "celery.exceptions.TaskRevokedError"
    with client_at(celery_works) as app:
        result = app.tasks["add"].apply_async((1,), expires=past)
        with pytest.raises(TaskRevokedError, match="expired"):
            result.get(timeout=20)
        assert result.state == "REVOKED"


def test_what_celery_sent_for_later_waits_in_the_store_not_in_the_worker(celery, celeriac_works):
    with client_at(celeriac_works) as app:
        before = counts(app)[1]
        task_id = celery("app.tasks['add'].apply_async((1, 2), countdown=3600).id", celeriac_works)
        # What was sent after it is done, so the worker has seen both.
        assert celery("app.tasks['add'].delay(1, 2).get(timeout=20)", celeriac_works) == 3
        wait_until(lambda: counts(app) == (0, before + 1))
        assert app.AsyncResult(task_id).state == "PENDING"


def wait_until(condition):
    """Look again until it is so; nobody tells of it."""
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)


def test_our_client_holds_back_in_the_store_while_our_worker_serves_the_queue(celeriac_works):
    with client_at(celeriac_works) as app:
        assert app.tasks["add"].delay(1).get(timeout=20) == 2
        ready, delayed = counts(app)
        app.tasks["add"].apply_async((1,), countdown=3600)
        assert counts(app) == (ready, delayed + 1)
        due = time.time() + 1.0
        assert due - EARLY <= app.tasks["now"].apply_async(countdown=1.0).get(timeout=20) < due + LATE


def test_our_client_sends_celerys_message_while_no_worker_of_ours_serves_the_queue(ours):
    ours.tasks["add"].apply_async((1,), countdown=3600)
    assert counts(ours) == (1, 0)
    (message,) = waiting(ours.store, "celery")
    assert message.headers.eta is not None
    assert 3590 < (datetime.fromisoformat(message.headers.eta) - datetime.now(UTC)).total_seconds() <= 3600


def test_celery_client_sees_the_retries_of_our_worker(celery, celeriac_works):
    task_id = celery("app.tasks['unsteady'].delay(2).id", celeriac_works)
    assert celery("app.AsyncResult({id}).get(timeout=20)", celeriac_works, id=task_id) == [task_id, 2]
    later = celery("app.tasks['retry_later'].delay().id", celeriac_works)
    state = "(lambda result: (result.state, repr(result.result), result.ready()))(app.AsyncResult({id}))"
    wait_until(lambda: celery(state, celeriac_works, id=later)[0] == "RETRY")
    assert celery(state, celeriac_works, id=later) == ("RETRY", "ConnectionError('not today')", False)


def test_our_client_sees_the_retries_of_a_celery_worker(celery_works):
    with client_at(celery_works) as app:
        result = app.tasks["unsteady"].delay(2)
        assert result.get(timeout=20) == [result.id, 2]
        later = app.tasks["retry_later"].delay()
        wait_until(lambda: later.state == "RETRY")
        assert repr(later.result) == "ConnectionError('not today')"
        assert not later.ready()
        assert "retry_later" in (later.traceback or "")


def test_retry_of_our_worker_keeps_what_the_celery_client_asked_for(celery, celeriac_works):
    options = {
        "priority": 6,
        "expires": 3600,
        "time_limit": 300,
        "soft_time_limit": 200,
        "shadow": "other-name",
        "group_id": "some-group",
        "group_index": 3,
        "root_id": "some-root",
        "parent_id": "some-parent",
        "reply_to": "some-address",
    }
    task_id = celery("app.tasks['retry_later'].apply_async(**{options}).id", celeriac_works, options=options)
    with redis.Redis.from_url(celeriac_works.broker) as server:
        wait_until(lambda: server.hexists("celeriac:delayed:messages", f"{task_id}:1"))
        stored: Any = server.hget("celeriac:delayed:messages", f"{task_id}:1")
    message = wire.read_task(stored.partition(b"\n")[2])
    headers = message.headers
    assert (headers.retries, headers.timelimit, headers.shadow) == (1, [300, 200], "other-name")
    assert (headers.group, headers.group_index) == ("some-group", 3)
    assert (headers.root_id, headers.parent_id) == ("some-root", "some-parent")
    assert (message.properties.priority, message.properties.reply_to) == (6, "some-address")
    assert headers.expires is not None
    assert datetime.fromisoformat(headers.expires) > datetime.now(UTC) + timedelta(minutes=50)
