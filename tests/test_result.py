"""Results: what is known of a call before, while and after it runs, on each store."""

from __future__ import annotations

import builtins
import threading
import time

import pytest

import celeriac.exceptions
from celeriac import Celeriac, gather
from celeriac.exceptions import MaxRetriesExceededError, RemoteError, TaskRevokedError, TimeoutError, WorkerLostError
from celeriac.message import document, values
from celeriac.store import contract as c
from celeriac.worker.inprocess import InProcessWorker


@pytest.fixture(params=["memory", "sqlite", "redis"])
def app(request, tmp_path):
    """An app on a store of its own."""
    urls = {"memory": lambda: "memory://", "sqlite": lambda: f"sqlite:///{tmp_path}/tasks.db"}
    broker = urls[request.param]() if request.param in urls else request.getfixturevalue("redis_url")
    with Celeriac("tests", broker=broker) as app:
        yield app


class Writer:
    """Writes documents the way a worker does: as ends of claims."""

    def __init__(self, app: Celeriac) -> None:
        self._store = app.store
        self._lease = c.Lease("writer", "epoch")
        self._number = 1
        app.store.run(c.OpenLease(self._lease, c.WorkerRecord()))

    def write(self, task: str, data: bytes) -> None:
        self._store.run(c.Enqueue((c.Message(f"{task}:{self._number}", "writer", b"{}"),)))
        (claim,) = self._claim(()).claims
        self._claim((c.Outcome(claim.id, task, data),))

    def _claim(self, outcomes: tuple[c.Outcome, ...]) -> c.Finished:
        self._number += 1
        return self._store.run(c.Finish(self._lease, outcomes, ("writer",), not outcomes, first=self._number))


def succeeded(task, value):
    return document.write(task, "SUCCESS", values.encode(value), time.time())


def failed(task, error, trace=None):
    return document.write_failure(task, error, time.time(), trace)


def test_id_that_nothing_is_known_of_is_pending(app):
    result = app.AsyncResult("nobody-knows")
    assert (result.state, result.status, result.result, result.info, result.traceback) == (
        *["PENDING"] * 2,
        *[None] * 3,
    )
    assert (result.ready(), result.successful(), result.failed()) == (False, False, False)


def test_success(app):
    writer = Writer(app)
    writer.write("one", succeeded("one", {"answer": 42}))
    result = app.AsyncResult("one")
    assert result.ready()
    assert result.successful()
    assert not result.failed()
    assert (result.state, result.result, result.traceback) == ("SUCCESS", {"answer": 42}, None)
    assert result.get(timeout=5) == {"answer": 42}


def test_failure_is_raised_as_its_own_class(app):
    writer = Writer(app)
    writer.write("one", failed("one", ZeroDivisionError("division by zero"), "Traceback: somewhere"))
    result = app.AsyncResult("one")
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        result.get(timeout=5)
    assert result.failed()
    assert result.ready()
    assert not result.successful()
    assert (result.state, result.traceback) == ("FAILURE", "Traceback: somewhere")
    assert isinstance(result.result, ZeroDivisionError)
    assert result.get(timeout=5, propagate=False) is result.result


def test_class_that_is_not_here_is_a_remote_error(app):
    writer = Writer(app)
    error = b'{"exc_type":"Oops","exc_message":["a",2],"exc_module":"shop.errors"}'
    writer.write("one", document.write("one", "FAILURE", error, 0.0))
    with pytest.raises(RemoteError) as raised:
        app.AsyncResult("one").get(timeout=5)
    assert (raised.value.remote_type, raised.value.args) == ("shop.errors.Oops", ("a", 2))


@pytest.mark.parametrize("harmful", [("os", "system"), ("subprocess", "Popen"), ("builtins", "eval"), ("os", "path")])
def test_document_that_names_something_else_than_an_exception_calls_nothing(harmful):
    module, name = harmful
    data = values.encode({"exc_type": name, "exc_message": ["touch /tmp/owned"], "exc_module": module})
    with Celeriac("tests", broker="memory://") as app:
        Writer(app).write("one", document.write("one", "FAILURE", data, 0.0))
        with pytest.raises(RemoteError):
            app.AsyncResult("one").get(timeout=5)


@pytest.mark.parametrize("kind", [MaxRetriesExceededError, WorkerLostError, TaskRevokedError])
def test_errors_of_our_own_travel_under_celerys_names_and_come_back_as_ours(kind):
    with Celeriac("tests", broker="memory://") as app:
        data = failed("one", kind("why"))
        assert b'"exc_module":"celeriac' not in data
        Writer(app).write("one", data)
        with pytest.raises(kind, match="why"):
            app.AsyncResult("one").get(timeout=5)


def test_state_that_is_not_the_last_one_can_be_seen_and_is_waited_past(app):
    writer = Writer(app)
    result = app.AsyncResult("one")
    writer.write("one", document.write_started("one", 4711, "here", time.time()))
    assert (result.state, result.info, result.ready()) == ("STARTED", {"pid": 4711, "hostname": "here"}, False)
    writer.write("one", document.write("one", "RETRY", failure_of(KeyError("k")), time.time()))
    assert (result.state, result.ready()) == ("RETRY", False)
    assert isinstance(result.info, KeyError)
    with pytest.raises(TimeoutError):
        result.get(timeout=0.05)
    writer.write("one", succeeded("one", "done"))
    assert (result.get(timeout=5), result.state) == ("done", "SUCCESS")


def failure_of(error):
    return values.encode(values.decode(failed("x", error))["result"])


def test_revoked_is_raised(app):
    writer = Writer(app)
    writer.write("one", document.write("one", "REVOKED", failure_of(TaskRevokedError("stopped")), time.time()))
    result = app.AsyncResult("one")
    with pytest.raises(TaskRevokedError, match="stopped"):
        result.get(timeout=5)
    assert (result.ready(), result.failed(), result.successful()) == (True, False, False)


def test_get_waits_no_longer_than_it_is_told(app):
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"within 0\.2 s") as raised:
        app.AsyncResult("never").get(timeout=0.2)
    assert 0.2 <= time.monotonic() - started < 2.0
    assert isinstance(raised.value, builtins.TimeoutError)
    assert isinstance(raised.value, celeriac.exceptions.TaskError)


def test_get_with_no_time_looks_once(app):
    with pytest.raises(TimeoutError):
        app.AsyncResult("one").get(timeout=0)
    Writer(app).write("one", succeeded("one", 1))
    assert app.AsyncResult("one").get(timeout=0) == 1


def test_get_returns_as_soon_as_the_result_is_written(app):
    writer = Writer(app)
    result = app.AsyncResult("one")
    timer = threading.Timer(0.1, writer.write, ("one", succeeded("one", "now")))
    timer.start()
    started = time.monotonic()
    assert result.get(timeout=30) == "now"
    timer.join()
    assert time.monotonic() - started < 3.0


def test_final_result_is_read_once_and_stays_after_the_store_forgot_it(app):
    Writer(app).write("one", succeeded("one", 1))
    first, second = app.AsyncResult("one"), app.AsyncResult("one")
    assert first.get(timeout=5) == 1
    second.forget()
    assert (first.get(timeout=0), first.state) == (1, "SUCCESS")
    assert second.state == app.AsyncResult("one").state == "PENDING"


def test_results_of_one_id_are_equal(app):
    one, same, other = (app.AsyncResult(id) for id in ("1", "1", "2"))
    assert one == same
    assert one != other
    assert one != "1"
    assert {one, same, other} == {one, other}
    assert (str(one), repr(one), one.task_id) == ("1", "<AsyncResult: 1>", "1")


# -- gather ---------------------------------------------------------------------


def test_gather_returns_values_in_order_and_takes_one_result_twice(app):
    writer = Writer(app)
    for number in range(5):
        writer.write(f"t{number}", succeeded(f"t{number}", number))
    results = [app.AsyncResult(f"t{number}") for number in (3, 0, 4, 3)]
    assert results[1].get(timeout=5) == 0
    assert gather(results, timeout=5) == [3, 0, 4, 3]
    assert gather([]) == []


def test_gather_raises_the_first_error_or_returns_all(app):
    writer = Writer(app)
    writer.write("good", succeeded("good", 1))
    writer.write("bad", failed("bad", ValueError("no")))
    results = [app.AsyncResult("good"), app.AsyncResult("bad")]
    with pytest.raises(ValueError, match="no"):
        gather(results, timeout=5)
    good, bad = gather(results, timeout=5, propagate=False)
    assert good == 1
    assert isinstance(bad, ValueError)


def test_gather_names_who_is_late(app):
    Writer(app).write("good", succeeded("good", 1))
    with pytest.raises(TimeoutError, match="late"):
        gather([app.AsyncResult("good"), app.AsyncResult("late")], timeout=0.1)


def test_hundreds_of_results_from_many_threads(app):
    task = app.task(lambda number: number * 2, name="double")
    results = task.delay_many((number,) for number in range(300))
    found: dict[int, list[int]] = {}

    def collect(part):
        found[part] = gather(results[part::4], timeout=30)

    threads = [threading.Thread(target=collect, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    with InProcessWorker(app, concurrency=2):
        for thread in threads:
            thread.join()
    assert found == {part: [2 * number for number in range(300)[part::4]] for part in range(4)}
