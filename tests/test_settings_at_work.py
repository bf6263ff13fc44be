"""Settings of Celery's that show in messages and results."""

from __future__ import annotations

import socket
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest

from celeriac import Celeriac, Queue
from celeriac.calls.context import Context, current
from celeriac.calls.routing import Queues
from celeriac.config import Settings
from celeriac.exceptions import (
    EncodeError,
    ImproperlyConfigured,
    InvalidOption,
    MessageTooLarge,
    OperationalError,
    SettingWarning,
)
from celeriac.message import document, values
from celeriac.message.limits import Limits
from celeriac.stores import contract as c
from celeriac.testing import start_worker
from celeriac.testing.conformance.hand import Hand
from tests.peek import waiting
from tests.worker.ledger import wait_until

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
    fields = document.extended([value], {}) + document.write_run(document.begin_run("t", "w", "q", 1), 0.0, 0.0)
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


def test_a_broker_may_be_named_in_parts_and_by_old_names(redis_url):
    parts = urlsplit(redis_url)
    whole = Celeriac("whole", broker=redis_url)
    split = Celeriac("split", set_as_current=False)
    split.config_from_object(
        SimpleNamespace(
            BROKER_TRANSPORT="redis",
            BROKER_HOST=parts.hostname,
            BROKER_PORT=str(parts.port),
            BROKER_VHOST=parts.path[1:],
        )
    )
    with whole, split:
        split.task(name="t")(lambda: None).delay()
        assert [message.headers.task for message in waiting(whole.store, "celery")] == ["t"]


@pytest.mark.parametrize(
    ("settings", "minimum", "maximum"),
    [
        ({"task_publish_retry": False}, 0.3, 1.4),
        ({"task_publish_retry_policy": {"max_retries": 1, "interval_start": 0.1, "interval_max": 0.1}}, 0.3, 1.4),
        ({}, 1.5, 10),
    ],
)
def test_how_long_a_call_tries_follows_from_celerys_policy(settings, minimum, maximum):
    with socket.socket() as taken:
        # Nobody listens there, and nobody else can.
        taken.bind(("127.0.0.1", 0))
        app = Celeriac("tests", broker=f"redis://127.0.0.1:{taken.getsockname()[1]}/0", **settings)
        before = time.monotonic()
        with app, pytest.raises(OperationalError):
            app.task(name="t")(lambda: None).delay()
        assert minimum < time.monotonic() - before < maximum


@pytest.mark.parametrize("name", Limits.__struct_fields__)
def test_limits_of_messages_are_those_of_the_settings(name):
    assert getattr(Limits.of(Settings({name: 5000})), name) == 5000 != getattr(Limits.of(Settings()), name)


def test_a_message_longer_than_the_settings_allow_is_refused(app):
    task = app.task(name="t")(lambda text: None)
    task.delay("x" * 2000)
    app.conf.message_max_bytes = 2000
    with pytest.raises(MessageTooLarge):
        task.delay("x" * 2000)


@pytest.mark.parametrize("backend", ["disabled", "disabled://"])
def test_a_backend_that_is_none_keeps_no_results(backend):
    with Celeriac("tests", broker="memory://", backend=backend) as app:
        ignored = app.task(name="t")(lambda: 1)
        kept = app.task(name="kept", ignore_result=False)(lambda: 2)
        first, last = ignored.delay(), kept.delay()
        with start_worker(app):
            assert last.get(timeout=30) == 2
        assert app.AsyncResult(first.id).state == "PENDING"


class Broadcast:
    """As kombu's looks to us."""

    name = "bcast.1a2b"
    alias = "news"
    routing_key = ""
    bindings = ()
    exchange = SimpleNamespace(name="news", type="fanout")


Broadcast.__module__ = "kombu.common"


def test_a_broadcast_is_not_sent_to_where_nobody_looks(app):
    news = Broadcast()
    with pytest.warns(SettingWarning, match="the queue 'news' of task_queues has no effect yet: broadcasts come later"):
        app.conf.task_queues = [Queue("mail"), news]
    task = app.task(name="t")(lambda: None)
    for options in ({"queue": "news"}, {"queue": news}, {"exchange": "news"}):
        with pytest.raises(InvalidOption):
            task.apply_async(**options)
    task.apply_async(queue="mail")
    assert Queues(app.conf).names() == ("mail",)
    assert [len(list(waiting(app.store, name))) for name in ("news", "bcast.1a2b", "mail")] == [0, 0, 1]


def test_how_much_a_packed_body_may_come_to():
    packed = 40 << 20
    assert Limits.of(Settings({"message_max_ratio": 1})).unpacked(packed) == packed
    assert Limits.of(Settings()).unpacked(packed) > packed


@pytest.mark.parametrize("name", ["broker_transport_options", "result_backend_transport_options"])
def test_options_of_a_transport_are_looked_at_one_by_one(name):
    app = Celeriac("tests", broker="memory://")
    with pytest.raises(ImproperlyConfigured, match=f"{name}.master_name cannot be 'main': Redis Sentinel comes later"):
        app.conf[name] = {"master_name": "main"}
    with pytest.warns(SettingWarning, match=rf"{name}\['warp'\] has no effect here"):
        app.conf[name]["warp"] = 9


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({"failed_expires": 0.2}, False),
        ({"failed_expires": 3600, "result_expires": 0.2}, True),
        ({"result_expires": None}, True),
    ],
)
def test_a_failed_task_is_kept_for_as_long_as_it_says(tmp_path, settings, kept):
    with Celeriac("tests", broker=f"sqlite:///{tmp_path}/tasks.db", **settings) as app:
        letter = c.DeadLetter("id", "q", b"raw", "ValueError()", cause=c.Cause.FAILED, failed=True)
        hand = Hand(app.store)
        app.store.run(c.Enqueue((c.Message("id", "q", b"raw"),)))
        (claim,) = hand.claim(1, "q")
        hand.finish(c.Outcome(claim.id, "id", b"failure", dead=letter))
        if kept:
            assert [each.id for each in app.failed.list()] == ["id"]
        else:
            wait_until(lambda: not app.failed.list(), 10, "end of the letter")
