"""The worker inside a test's own process, on each store: what a test of a user's tasks relies on."""

from __future__ import annotations

import asyncio
import contextvars
import re
import threading
import time

import pytest

from celeriac import Celeriac, gather
from celeriac.exceptions import Ignore, MaxRetriesExceededError, OperationalError, RemoteError, TimeoutError
from celeriac.stores.contract import Stats
from celeriac.testing import start_worker

GREETING = "hello"


class OwnError(Exception):
    """An error of the user's own."""


@pytest.fixture(params=["memory", "sqlite", "redis"])
def app(request, tmp_path):
    """An app on a store of its own."""
    urls = {"memory": lambda: "memory://", "sqlite": lambda: f"sqlite:///{tmp_path}/tasks.db"}
    broker = urls[request.param]() if request.param in urls else request.getfixturevalue("redis_url")
    with Celeriac("tests", broker=broker) as app:
        yield app


@pytest.fixture
def memory_app():
    """An app for what has nothing to do with the store."""
    with Celeriac("tests", broker="memory://") as app:
        yield app


def test_plain_and_async_tasks_run(app):
    @app.task
    def add(x, y):
        return x + y

    @app.task
    async def wait_and_add(x, y):
        await asyncio.sleep(0.001)
        return x + y

    with start_worker(app):
        assert add.delay(2, 3).get(timeout=20) == 5
        assert wait_and_add.delay(2, y=3).get(timeout=20) == 5
        results = [task.delay(number, 1) for number in range(50) for task in (add, wait_and_add)]
        assert gather(results, timeout=20) == [number + 1 for number in range(50) for _ in range(2)]


def test_what_was_enqueued_before_the_worker_started_runs_too(app):
    task = app.task(lambda number: number)
    results = task.delay_many((number,) for number in range(300))
    with start_worker(app, concurrency=2):
        assert gather(results, timeout=20) == list(range(300))


def test_patches_of_the_test_are_visible_to_tasks(app, monkeypatch):
    seen = []

    @app.task
    def greet(name):
        seen.append(threading.current_thread().name)
        return f"{GREETING} {name}"

    with start_worker(app):
        assert greet.delay("you").get(timeout=20) == "hello you"
        monkeypatch.setitem(globals(), "GREETING", "goodbye")
        assert greet.delay("you").get(timeout=20) == "goodbye you"
    assert len(seen) == 2
    assert threading.current_thread().name not in seen


def test_task_that_asks_to_be_retried_runs_again_with_the_same_id(app):
    attempts = []

    @app.task(bind=True, max_retries=3)
    def unsteady(self, succeeds_at):
        attempts.append((self.request.id, self.request.retries))
        if self.request.retries < succeeds_at:
            self.retry(exc=ConnectionError("not yet"), countdown=0.02)
        return self.request.retries

    with start_worker(app):
        result = unsteady.delay(2)
        assert result.get(timeout=20) == 2
    assert attempts == [(result.id, number) for number in range(3)]


def test_async_task_may_be_retried_too(app):
    @app.task(bind=True)
    async def unsteady(self):
        if not self.request.retries:
            self.retry(countdown=0.02)
        return self.request.retries

    with start_worker(app):
        assert unsteady.delay().get(timeout=20) == 1


def test_retry_without_end_ends_with_the_reason_or_with_max_retries_exceeded(app):
    @app.task(bind=True, max_retries=1)
    def hopeless(self, with_reason):
        self.retry(exc=KeyError("why") if with_reason else None, countdown=0.01)

    with start_worker(app):
        with pytest.raises(KeyError, match="why"):
            hopeless.delay(True).get(timeout=20)
        with pytest.raises(MaxRetriesExceededError, match="hopeless"):
            hopeless.delay(False).get(timeout=20)


def test_retry_may_change_the_arguments(app):
    @app.task(bind=True)
    def collect(self, *parts):
        if len(parts) < 3:
            self.retry(args=[*parts, len(parts)], countdown=0.01)
        return list(parts)

    with start_worker(app):
        assert collect.delay("start").get(timeout=20) == ["start", 1, 2]


def test_state_of_a_task_between_two_attempts_is_retry(app):
    @app.task(bind=True)
    def unsteady(self):
        self.retry(exc=ValueError("later"), countdown=3600)

    with start_worker(app):
        result = unsteady.delay()
        wait_for_state(result, "RETRY")
        assert isinstance(result.result, ValueError)
        assert "later" in (result.traceback or "")
    (queue,) = app.store.run(Stats(("celery",)))
    assert (queue.ready, queue.delayed, queue.claimed) == (0, 1, 0)


def wait_for_state(result, state):
    """Stores tell only of final results, so this looks again and again."""
    ends = time.monotonic() + 20
    while result.state != state:
        assert time.monotonic() < ends, f"still {result.state}"
        time.sleep(0.005)


def test_exception_of_a_task_is_raised_where_its_result_is_wanted(app):
    @app.task
    def fail(kind):
        raise {"own": OwnError("mine", 2), "builtin": ZeroDivisionError("no")}[kind]

    @app.task
    async def fail_later():
        raise LookupError("async")

    with start_worker(app):
        with pytest.raises(OwnError) as own:
            fail.delay("own").get(timeout=20)
        assert own.value.args == ("mine", 2)
        with pytest.raises(ZeroDivisionError):
            fail.delay("builtin").get(timeout=20)
        result = fail_later.delay()
        with pytest.raises(LookupError, match="async"):
            result.get(timeout=20)
        assert "fail_later" in (result.traceback or "")


@pytest.mark.parametrize("ending", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_task_cannot_end_the_worker(memory_app, ending):
    @memory_app.task
    def leave():
        raise ending

    task = memory_app.task(lambda: "still here")
    with start_worker(memory_app):
        with pytest.raises(RemoteError) as raised:  # asking for a result must not end a process either
            leave.delay().get(timeout=20)
        assert type(raised.value).__name__ == type(ending).__name__
        assert task.delay().get(timeout=20) == "still here"


def test_value_that_cannot_be_stored_is_a_failure(app):
    task = app.task(name="object")(object)
    asynchronous = app.task(name="later")(returns_an_object)
    with start_worker(app):
        for result in (task.delay(), asynchronous.delay()):
            with pytest.raises(TypeError, match="object"):
                result.get(timeout=20)


async def returns_an_object():
    return object()


def test_ignored_result_is_not_stored(app):
    quiet = app.task(name="quiet", ignore_result=True)(lambda: 1)
    ignoring = app.task(name="ignoring")(ignore)
    loud = app.task(name="loud")(lambda: 2)
    with start_worker(app):
        results = [quiet.delay(), loud.apply_async(ignore_result=True), ignoring.delay()]
        assert loud.delay().get(timeout=20) == 2
    assert [result.state for result in results] == ["PENDING"] * 3


def ignore():
    raise Ignore


def test_large_values_pass(app):
    task = app.task(lambda text: text * 2)
    with start_worker(app):
        assert task.delay("x" * 3_000_000).get(timeout=20) == "x" * 6_000_000


def test_tasks_of_one_worker_run_side_by_side(app):
    meeting = threading.Barrier(3)

    @app.task
    def meet():
        return meeting.wait(timeout=20)

    with start_worker(app, concurrency=3):
        assert sorted(gather([meet.delay() for _ in range(3)], timeout=20)) == [0, 1, 2]


def test_async_tasks_run_side_by_side_in_one_thread(app):
    arrived = []

    @app.task
    async def meet():
        arrived.append(threading.get_ident())
        while len(arrived) < 20:
            await asyncio.sleep(0.001)

    with start_worker(app):
        gather([meet.delay() for _ in range(20)], timeout=20)
    assert len(set(arrived)) == 1


def test_task_may_enqueue_and_wait_for_another(app):
    inner = app.task(name="inner")(lambda number: number + 1)

    @app.task
    def outer(number):
        return inner.delay(number).get(timeout=20, disable_sync_subtasks=False) * 10

    @app.task
    async def outer_async(number):
        return (await inner.adelay(number)).id

    with start_worker(app, concurrency=2):
        assert outer.delay(1).get(timeout=20) == 20
        assert app.AsyncResult(outer_async.delay(5).get(timeout=20)).get(timeout=20) == 6


def test_request_says_what_is_running(app):
    @app.task(bind=True, queue="side")
    def who(self, *args, **kwargs):
        request = self.request
        return [request.id, request.task, request.args, request.kwargs, request.hostname.partition("@")[0]] + [
            request.delivery_info["routing_key"],
            request.called_directly,
            request.retries,
        ]

    with start_worker(app, queues=("side",), name="me"):
        result = who.apply_async((1,), {"two": 2})
        assert result.get(timeout=20) == [result.id, who.name, [1], {"two": 2}, "me", "side", False, 0]
    assert who.request.called_directly


def test_context_of_one_task_is_not_seen_by_the_next(memory_app):
    variable = contextvars.ContextVar("variable", default="clean")

    @memory_app.task
    async def change():
        seen = variable.get()
        variable.set("dirty")
        return seen

    with start_worker(memory_app):
        assert gather([change.delay() for _ in range(5)], timeout=20) == ["clean"] * 5


def test_countdown_is_waited_for(app):
    task = app.task(name="now")(time.time)
    with start_worker(app):
        before = time.time()
        assert task.apply_async(countdown=0.3).get(timeout=20) >= before + 0.29


# -- starting and stopping ------------------------------------------------------


def test_stop_waits_for_what_runs_and_gives_the_rest_back(app):
    begun, go_on = threading.Event(), threading.Event()

    @app.task
    def hold():
        begun.set()
        assert go_on.wait(20)
        return "held"

    worker = start_worker(app).start()
    running = hold.delay()
    assert begun.wait(20)
    waiting = [hold.delay() for _ in range(5)]
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    with pytest.raises(TimeoutError):
        running.get(timeout=0.05)
    go_on.set()
    stopping.join()
    assert running.get(timeout=0) == "held"
    (queue,) = app.store.run(Stats(("celery",)))
    left = [result for result in waiting if not result.ready()]
    assert (queue.ready, queue.claimed) == (len(left), 0)
    with start_worker(app):
        assert gather(left, timeout=20) == ["held"] * len(left)


def test_workers_leave_no_threads_behind(app):
    task = app.task(lambda number: number)
    task.delay(0)
    before = set(threading.enumerate())
    for _ in range(3):
        with start_worker(app, concurrency=2):
            assert gather([task.delay(number) for number in range(5)], timeout=20) == list(range(5))
        left = {thread.name for thread in set(threading.enumerate()) - before}
        assert [name for name in left if re.fullmatch(r"celeriac-(core|(async-)?\d+)", name)] == []


def test_worker_ends_with_a_test_that_fails(memory_app):
    task = memory_app.task(lambda: 1)
    with pytest.raises(AssertionError, match="the test"), start_worker(memory_app):
        raise AssertionError("the test")
    with pytest.raises(TimeoutError):
        task.delay().get(timeout=0.05)


def test_worker_may_be_started_from_any_thread(memory_app):
    task = memory_app.task(lambda: threading.current_thread() is threading.main_thread())
    found = []

    def work():
        with start_worker(memory_app):
            found.append(task.delay().get(timeout=20))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]


def test_worker_serves_only_its_queues(app):
    task = app.task(lambda: 1)
    left = task.delay()
    with start_worker(app, queues=("a", "b")):
        assert gather([task.apply_async(queue=queue) for queue in "ab"], timeout=20) == [1, 1]
        assert not left.ready()


def test_two_workers_share_a_queue(app):
    meeting = threading.Barrier(2)

    @app.task(bind=True)
    def meet(self):
        meeting.wait(timeout=20)
        return self.request.hostname.partition("@")[0]

    with start_worker(app, name="one"), start_worker(app, name="two"):
        assert set(gather([meet.delay() for _ in range(2)], timeout=20)) == {"one", "two"}


@pytest.mark.slow
def test_store_that_is_away_is_said_at_once():
    app = Celeriac("tests", broker="redis://127.0.0.1:1/0")
    with pytest.raises(OperationalError, match="cannot reach Redis"), start_worker(app):
        pytest.fail("it started")
