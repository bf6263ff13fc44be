"""Settings of Celery's that show in messages and results."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from celeriac import Celeriac
from celeriac.context import Context, current
from celeriac.exceptions import EncodeError, ImproperlyConfigured
from celeriac.message import document, values
from celeriac.testing import start_worker
from tests.peek import waiting

SUMMER = datetime(2030, 7, 1, 12, 0)
"""A time that names no zone."""


@pytest.fixture
def app():
    with Celeriac("tests", broker="memory://") as made:
        yield made


@pytest.mark.parametrize(
    ("settings", "meant"),
    [
        ({}, SUMMER.replace(tzinfo=UTC)),
        ({"timezone": "Asia/Tokyo"}, SUMMER.replace(tzinfo=ZoneInfo("Asia/Tokyo"))),
        ({"timezone": ZoneInfo("Asia/Tokyo")}, SUMMER.replace(tzinfo=ZoneInfo("Asia/Tokyo"))),
        ({"enable_utc": False}, SUMMER.astimezone()),
        ({"timezone": "Asia/Tokyo", "enable_utc": False}, SUMMER.replace(tzinfo=ZoneInfo("Asia/Tokyo"))),
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
def test_times_without_a_zone_are_in_that_of_the_settings(app, settings, meant, as_text):
    app.conf.update(settings)
    given = SUMMER.isoformat() if as_text else SUMMER
    app.task(name="t")(lambda: None).apply_async(expires=given)
    (message,) = waiting(app.store, "celery")
    assert datetime.fromisoformat(message.headers.expires or "") == meant


def test_an_expiry_that_celery_wrote_without_a_zone_is_read_in_that_of_the_settings(app):
    """In Tokyo it is later than in UTC: an expiry an hour ahead by UTC's clock has passed there."""
    app.conf.timezone = "Asia/Tokyo"
    naive = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)
    task = app.task(name="t")(lambda: None)
    result = task.apply_async(headers={"expires": naive.isoformat()})
    with start_worker(app):
        assert result.get(timeout=30, propagate=False).args == ("expired",)


def test_a_task_called_by_another_has_its_priority_if_the_settings_say_so(app):
    app.task(name="outer", priority=7)(lambda: None).delay()
    (outer,) = waiting(app.store, "celery")
    inner = app.task(name="inner")(lambda: None)

    def priorities() -> list[int | None]:
        inner.delay()
        inner.apply_async(priority=2)
        return [one.properties.priority for one in waiting(app.store, "celery") if one.headers.task == "inner"]

    token = current.set(Context(outer))
    try:
        assert set(priorities()) == {0, 2}
        app.conf.task_inherit_parent_priority = True
        assert set(priorities()) == {0, 2, 7}
    finally:
        current.reset(token)


def test_extended_results_tell_of_the_call(app):
    app.conf.result_extended = True
    task = app.task(name="add", queue="sums")(lambda x, y=0: x + y)
    result = task.apply_async((1,), {"y": 2})
    with start_worker(app, queues=("sums",)) as worker:
        assert result.get(timeout=30) == 3
        assert worker is not None
    assert (result.name, result.args, result.kwargs, result.retries, result.queue) == ("add", [1], {"y": 2}, 0, "sums")
    assert result.worker


def test_extended_results_show_arguments_that_are_no_json():
    value = object()
    with pytest.raises(EncodeError):
        values.encode(value)
    fields = document.extended("t", [value], {}, "w", 1, "q")
    found = document.read(document.write("i", "SUCCESS", b"1", 0.0, family=document.Family(call=fields)))
    assert (found.result, found.retries, found.task_id) == (1, 1, "i")
    assert "object" in found.args


@pytest.mark.parametrize("place", ["settings", "task"])
def test_the_failure_of_a_task_whose_result_is_not_kept_can_be(app, place):
    options = {"ignore_result": True} | ({"store_errors_even_if_ignored": True} if place == "task" else {})
    app.conf.task_store_errors_even_if_ignored = place == "settings"

    @app.task(name="t", **options)
    def t(fail):
        if fail:
            raise ValueError("kept")

    last = app.task(name="last")(lambda: None)
    failed, done = t.delay(True), t.delay(False)
    kept = app.AsyncResult(failed.id)
    with start_worker(app):
        last.delay().get(timeout=30)
        with pytest.raises(ValueError, match="kept"):
            kept.get(timeout=30)
    assert app.AsyncResult(done.id).state == "PENDING"


def test_results_can_be_kept_for_ever(new_redis_url):
    import redis

    app = Celeriac("tests", broker=new_redis_url(), result_expires=None)
    task = app.task(name="t")(lambda: 1)
    with app, start_worker(app):
        result = task.delay()
        assert result.get(timeout=30) == 1
        with redis.Redis.from_url(app.conf.broker_url) as client:
            assert client.ttl(f"celery-task-meta-{result.id}") > 50 * 365 * 86400


@pytest.mark.parametrize("backend", ["rpc://", "rpc"])
def test_results_that_need_no_server_of_their_own_stay_with_the_queues(backend):
    app = Celeriac("tests", broker="memory://", backend=backend)
    assert app.conf.result_backend is None
    with app, pytest.raises(ImproperlyConfigured, match="unset result_backend"):
        _ = Celeriac("tests", broker="memory://", backend="carrier://pigeon").store
