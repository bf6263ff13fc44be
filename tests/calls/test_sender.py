"""Producers: forks, threads and event loops, and stores that do not answer."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import traceback

import pytest

from celeriac import Celeriac, gather
from celeriac.exceptions import EnqueueUncertain, OperationalError
from celeriac.worker.processes.inprocess import InProcessWorker
from tests.peek import waiting

DEADLINE = 2.0
SLACK = 1.5


@pytest.fixture(params=["sqlite", "redis"])
def app(request, tmp_path):
    """An app on a store that several processes can share."""
    broker = f"sqlite:///{tmp_path}/tasks.db" if request.param == "sqlite" else request.getfixturevalue("redis_url")
    with Celeriac("tests", broker=broker) as app:
        app.task(name="note")(lambda *values: None)
        yield app


def sent_to(app):
    """The ids of all tasks that wait, in order."""
    return [message.headers.id for message in waiting(app.store, "celery")]


def in_child(work):
    """Fork, do it in the child, and return the child's pid; it exits with 1 when the work fails."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid


def in_threads(count, work):
    """Do it in so many threads at once and return when all are through; their errors are raised."""
    errors: list[Exception] = []

    def run(number):
        try:
            work(number)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise ExceptionGroup("in threads", errors)


# -- many at once ---------------------------------------------------------------


def test_server_that_forks_after_it_has_enqueued(app):
    """As a web server with a preloaded app does: one connection in the parent, four children, all of them sending."""
    note = app.tasks["note"]
    kept = [note.apply_async(task_id="before").id]
    assert app.AsyncResult("before").state == "PENDING"

    def serve(child):
        for number in range(25):
            note.apply_async(task_id=f"{child}-{number}")
        asyncio.run(send_side_by_side(note, [f"{child}-async-{number}" for number in range(25)]))
        assert app.AsyncResult("before").state == "PENDING"

    children = [in_child(lambda child=child: serve(child)) for child in range(4)]
    kept += [note.apply_async(task_id=f"parent-{number}").id for number in range(25)]
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 4
    kept += [f"{child}-{kind}{number}" for child in range(4) for number in range(25) for kind in ("", "async-")]
    assert sorted(sent_to(app)) == sorted(kept)


async def send_side_by_side(task, ids):
    """Enqueue from one loop, all requests under way together."""

    async def send(id):
        await task.aapply_async(task_id=id)

    await asyncio.gather(*map(send, ids))


def test_child_forked_while_other_threads_send(app):
    note = app.tasks["note"]
    stop = threading.Event()
    sent: set[str] = set()

    def keep_sending(number):
        while not stop.is_set():
            sent.add(note.delay().id)

    def fork_some(number):
        try:
            for child in range(8):
                pid = in_child(lambda child=child: note.apply_async(task_id=f"child-{child}"))
                assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        finally:
            stop.set()

    in_threads(5, lambda number: keep_sending(number) if number < 4 else fork_some(number))
    assert sorted(sent_to(app)) == sorted(sent | {f"child-{child}" for child in range(8)})


def test_many_threads_enqueue_at_once(app):
    note = app.tasks["note"]
    sent: set[str] = set()
    barrier = threading.Barrier(16)

    def send(number):
        barrier.wait()
        for _ in range(20):
            sent.add(note.delay(number).id)
        sent.update(result.id for result in note.delay_many([(number,)] * 20))

    in_threads(16, send)
    assert len(sent) == 16 * 40
    assert sorted(sent_to(app)) == sorted(sent)


def test_one_loop_after_another_and_several_at_once(app):
    note = app.tasks["note"]
    ids: set[str] = set()

    async def send(count):
        results = await asyncio.gather(*(note.adelay(number) for number in range(count)))
        ids.update(result.id for result in results)

    for _ in range(3):
        asyncio.run(send(10))
    in_threads(4, lambda number: asyncio.run(send(25)))
    assert len(ids) == 130
    assert sorted(sent_to(app)) == sorted(ids)


def test_loop_goes_on_while_it_enqueues(app):
    note = app.tasks["note"]

    async def count_turns():
        turns = 0
        sending = asyncio.gather(*(note.adelay("x" * 10_000) for _ in range(200)))
        while not sending.done():
            turns += 1
            await asyncio.sleep(0)
        await sending
        return turns

    assert asyncio.run(count_turns()) > 1
    assert len(sent_to(app)) == 200


def test_tasks_sent_by_tasks_name_their_parent_and_root(app):
    @app.task(bind=True)
    def nest(self, depth):
        request = self.request
        inner = nest.delay(depth - 1).id if depth else None
        return [request.id, request.parent_id, request.root_id, inner]

    with InProcessWorker(app, concurrency=2):
        outer = nest.delay(2)
        found = [outer.get(timeout=20)]
        while found[-1][3]:
            found.append(app.AsyncResult(found[-1][3]).get(timeout=20))
    first, second, third = (row[0] for row in found)
    assert [row[1] for row in found] == [None, first, second]
    assert [row[2] for row in found] == [first] * 3
    assert found[2][0] == third


# -- stores that do not answer --------------------------------------------------


def senders(task):
    """All ways to enqueue, each as a call without arguments."""
    return {
        "delay": task.delay,
        "delay_many": lambda: task.delay_many([()] * 3),
        "adelay": lambda: asyncio.run(task.adelay()),
    }


WAYS = ["delay", "delay_many", "adelay"]


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_absent_redis_is_an_error_that_says_that_nothing_was_enqueued(way):
    with Celeriac("tests", broker="redis://127.0.0.1:1/0") as app:
        send = senders(app.task(lambda: None))[way]
        started = time.monotonic()
        with pytest.raises(OperationalError, match="Redis") as raised:
            send()
        assert time.monotonic() - started < DEADLINE + SLACK
        assert not isinstance(raised.value, EnqueueUncertain)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_redis_that_never_answered_has_got_nothing(redis_server, way):
    with Celeriac("tests", broker=redis_server.url) as app:
        send = senders(app.task(lambda: None))[way]
        redis_server.freeze()
        started = time.monotonic()
        with pytest.raises(OperationalError) as raised:
            send()
        assert DEADLINE - 0.3 < time.monotonic() - started < DEADLINE + SLACK
        assert not isinstance(raised.value, EnqueueUncertain)
        redis_server.thaw()
        assert sent_to(app) == []


@pytest.mark.slow
def test_redis_that_froze_with_the_request_may_have_got_it_and_calling_again_is_safe(redis_server):
    with Celeriac("tests", broker=redis_server.url) as app:
        task = app.task(lambda: None)
        first = task.delay().id
        redis_server.freeze()
        started = time.monotonic()
        with pytest.raises(EnqueueUncertain) as raised:
            task.apply_async(task_id="perhaps")
        assert DEADLINE - 0.3 < time.monotonic() - started < DEADLINE + SLACK
        assert raised.value.ids == ("perhaps",)
        redis_server.thaw()
        task.apply_async(task_id="perhaps")
        assert sent_to(app) == [first, "perhaps"]


@pytest.mark.slow
def test_loop_that_had_a_connection_to_a_frozen_redis_does_not_know_either(redis_server):
    with Celeriac("tests", broker=redis_server.url) as app:
        task = app.task(lambda: None)

        async def send_twice():
            await task.adelay()
            redis_server.freeze()
            started = time.monotonic()
            with pytest.raises(EnqueueUncertain) as raised:
                await task.adelay()
            assert DEADLINE - 0.3 < time.monotonic() - started < DEADLINE + SLACK
            assert len(raised.value.ids) == 1

        asyncio.run(send_twice())
        redis_server.thaw()


@pytest.mark.slow
def test_redis_that_is_killed_in_the_middle_of_many_leaves_uncertain_what_was_under_way(redis_server):
    with Celeriac("tests", broker=redis_server.url) as app:
        task = app.task(lambda number: None)
        task.delay(0)

        def arguments():
            for number in range(5000):
                if number == 2600:
                    redis_server.kill()
                yield (number,)

        with pytest.raises(EnqueueUncertain) as raised:
            task.delay_many(arguments())
        assert 0 < len(raised.value.ids) <= 500
        redis_server.start()
        assert len(sent_to(app)) in range(1 + 2000, 1 + 2601)


@pytest.mark.slow
def test_redis_that_comes_back_before_the_deadline_is_not_noticed(redis_server):
    with Celeriac("tests", broker=redis_server.url, task_publish_deadline=30) as app:
        task = app.task(lambda: None)
        kept = [task.delay().id]
        redis_server.kill()
        restart = threading.Timer(0.5, redis_server.start)
        restart.start()
        kept.append(task.delay().id)
        restart.join()
        kept += [result.id for result in task.delay_many([()] * 3)]
        assert sent_to(app) == kept


@pytest.mark.slow
def test_deadline_is_a_setting(redis_server):
    with Celeriac("tests", broker=redis_server.url, task_publish_deadline=0.3) as app:
        task = app.task(lambda: None)
        redis_server.freeze()
        started = time.monotonic()
        with pytest.raises(OperationalError):
            task.delay()
        assert 0.2 < time.monotonic() - started < 0.3 + SLACK
        redis_server.thaw()


def test_results_come_to_the_threads_that_wait_for_them(app):
    double = app.task(lambda number: 2 * number, name="double")
    with InProcessWorker(app, concurrency=2):
        in_threads(6, lambda thread: check(double, range(thread * 10, thread * 10 + 10)))


def check(double, numbers):
    results = [double.delay(number) for number in numbers]
    assert [result.get(timeout=20) for result in results] == [2 * number for number in numbers]
    assert gather([double.delay(number) for number in numbers], timeout=20) == [2 * number for number in numbers]
