"""`cache_for`: calls with equal arguments share a result, on every store."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from celeriac import Celeriac, Task
from celeriac.calls.sharing import key_of, sharing
from celeriac.exceptions import InvalidOption
from celeriac.message import document
from celeriac.stores.contract import Message, Shared
from celeriac.worker.processes.inprocess import InProcessWorker

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite", "redis", "results elsewhere"])
def app(request, tmp_path):
    urls = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/tasks.db"}
    if request.param in urls:
        made = Celeriac("sharing", broker=urls[request.param])
    else:
        new = request.getfixturevalue("new_redis_url")
        made = Celeriac("sharing", broker=new(), backend=new() if request.param == "results elsewhere" else None)
    with made:
        yield made


@pytest.fixture
def runs(app):
    """What has run; the tasks `add`, `fail` and `hold` write it down, and `hold` waits for `runs.go`."""

    class Runs(list):
        go = threading.Event()

    runs = Runs()

    @app.task(name="add", cache_for=60)
    def add(x, y=2, *more, **named):
        runs.append((x, y))
        return x + y

    @app.task(name="fail", cache_for=60)
    def fail(x):
        runs.append(x)
        raise ValueError(x)

    @app.task(name="hold", cache_for=60, bind=True)
    def hold(self, x):
        runs.append(x)
        assert runs.go.wait(20)
        return x

    return runs


def waiting(app):
    return sum(queue.ready for queue in app.queues.list())


def test_an_equal_call_gives_the_result_at_once(app, runs):
    add = app.tasks["add"]
    with InProcessWorker(app):
        first = add.delay(1, 2)
        assert first.get(20) == 3
    again = [add.delay(1), add.delay(x=1, y=2), add.apply_async((1,), {"y": 2}), app.send_task("add", (1, 2))]
    assert [(each.id, each.ready(), each.get(0)) for each in again] == [(first.id, True, 3)] * 4
    others = [add.delay(2), add.delay(1, 3), add.delay(1.0), add.delay(1, 2, 3), add.delay(1, a=1), add.delay("1")]
    assert len({first.id, *(each.id for each in others)}) == 7
    assert add.delay(1, b={"d": 1, "e": 2}, a=1).id == add.delay(1, a=1, b={"e": 2, "d": 1}).id
    assert runs == [(1, 2)]
    assert waiting(app) == 7


def test_a_call_can_say_so_itself_or_otherwise(app, runs):
    add = app.tasks["add"]
    assert add.delay(1).id != add.apply_async((1,), cache_for=0).id
    assert app.send_task("unknown", (1,), cache_for=5).id == app.send_task("unknown", (1,), cache_for=5).id
    assert app.send_task("unknown", (1,)).id != app.send_task("unknown", (1,)).id
    assert len({result.id for result in add.delay_many([(1,), (1,), (2,)])}) == 2


def test_who_calls_meanwhile_shares_the_run(app, runs):
    hold = app.tasks["hold"]
    with InProcessWorker(app):
        results = [hold.delay(1) for _ in range(5)]
        assert not results[0].ready()

        async def call():
            found = await hold.adelay(1)
            runs.go.set()
            return found.id, await found

        assert asyncio.run(call()) == (results[0].id, 1)
        assert [result.get(20) for result in results] == [1] * 5
        assert asyncio.run(call()) == (results[0].id, 1)
    assert runs == [1]


def test_failures_are_not_kept(app, runs):
    fail = app.tasks["fail"]
    with InProcessWorker(app):
        ids = []
        for _ in range(2):
            result = fail.delay(1)
            with pytest.raises(ValueError, match="1"):
                result.get(20)
            ids.append(result.id)
    assert runs == [1, 1]
    assert len(set(ids)) == 2


def test_what_is_forgotten_or_revoked_runs_again(app, runs):
    add = app.tasks["add"]
    with InProcessWorker(app):
        first = add.delay(1)
        assert first.get(20) == 3
        app.AsyncResult(first.id).forget()
        second = add.delay(1)
        assert second.get(20) == 3
        assert second.id != first.id
        third = add.apply_async((5,), countdown=3600)
        third.revoke()
        assert third.state == "REVOKED"
        assert add.delay(5).id != third.id


def test_an_old_result_is_replaced(app, runs):
    add = app.tasks["add"]
    with InProcessWorker(app):
        first = add.delay(1)
        assert first.get(20) == 3
        second = add.apply_async((1,), cache_for=1e-6)
        assert second.id != first.id
        assert second.get(20) == 3
        assert add.delay(1).id == second.id


def test_a_key_of_ones_own(app, runs):
    @app.task(cache_for=60, cache_key=lambda order, when: order["id"])
    def book(order, when):
        return order

    class Lowered(Task):
        name, cache_for = "lowered", 60

        def cache_key(self, text):
            return text.lower()

        def run(self, text):
            return text

    lowered = app.register_task(Lowered)
    assert book.delay({"id": 1, "a": 2}, 1).id == book.delay({"id": 1}, 2).id
    assert book.delay({"id": 2}, 1).id != book.delay({"id": 1}, 1).id
    assert lowered.delay("A").id == lowered.delay("a").id


@pytest.mark.parametrize("options", [{"cache_for": -1}, {"cache_for": "1"}, {"cache_for": 5, "ignore_result": True}])
def test_mistakes(options):
    with Celeriac("sharing", broker="memory://", accept_content=["json", "pickle"]) as app:
        with pytest.raises(InvalidOption, match="cache_for"):
            app.send_task("add", (1,), **options)
        with pytest.raises(InvalidOption, match="cache_key"):
            app.send_task("add", (object(),), cache_for=1, serializer="pickle")


def test_eager_calls_run_each_time(runs, app):
    app.conf.task_always_eager = True
    assert [app.tasks["add"].delay(1).get() for _ in range(2)] == [3, 3]
    assert len(runs) == 2


@pytest.fixture
def asking():
    """Somebody asks for what is at most a minute old, at `NOW`, and has not been answered."""
    asking = sharing("key", "mine", Message("mine", "q", b""), 60, NOW.timestamp())
    assert next(asking).stale == ""
    return asking


@pytest.mark.parametrize(
    ("status", "age", "usable"),
    [("SUCCESS", 59, True), ("SUCCESS", 61, False), ("FAILURE", 1, False), ("REVOKED", 1, False)],
)
def test_a_result_is_good_for_so_long_after_its_end(asking, status, age, usable):
    ended = document.write("theirs", status, b"null", (NOW - timedelta(seconds=age)).timestamp())
    shared = Shared("theirs", 500_000, ended)
    if usable:
        with pytest.raises(StopIteration) as end:
            asking.send(shared)
        assert end.value.value == ("theirs", document.read(ended))
    else:
        assert asking.send(shared).stale == "theirs"


@pytest.mark.parametrize(
    ("status", "age", "usable"), [("PENDING", 59, True), ("STARTED", 1, True), ("RETRY", 61, False)]
)
def test_a_call_is_shared_for_so_long_after_it_was_made(asking, status, age, usable):
    shared = Shared("theirs", age * 1000, document.write("theirs", status, b"null", NOW.timestamp()))
    if usable:
        with pytest.raises(StopIteration) as end:
            asking.send(shared)
        assert end.value.value == ("theirs", None)
    else:
        assert asking.send(shared).stale == "theirs"
        # The store drops what was sent under the same id, and says so again: then that is the answer.
        with pytest.raises(StopIteration):
            asking.send(shared)


def test_keys_are_those_of_what_is_said():
    assert key_of("t", {"a": 1, "b": [1, {"x": 1, "y": 2}]}) == key_of("t", {"b": (1, {"y": 2, "x": 1}), "a": 1})
    assert len({key_of("t", what) for what in (1, 1.0, True, "1", [1], {"1": 1})}) == 6
    assert key_of("t", 1) != key_of("u", 1)
