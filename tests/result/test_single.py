"""Results: what is known of a call before, while and after it runs, on each store."""

from __future__ import annotations

import builtins
import threading
import time
from typing import Any

import pytest

import celeriac.exceptions
from celeriac import Celeriac, gather
from celeriac.exceptions import MaxRetriesExceededError, RemoteError, TaskRevokedError, TimeoutError, WorkerLostError
from celeriac.message import document, values
from celeriac.result import allow_join_result
from celeriac.worker.processes.inprocess import InProcessWorker
from tests.result.writer import Writer, failed, succeeded


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
    assert one == "1"
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


# -- what Celery's results do ----------------------------------------------------


def test_hooks_while_waiting(app):
    writer = Writer(app)
    heard: list[tuple[Any, ...]] = []
    passed: list[None] = []

    def at_interval():
        passed.append(None)
        if len(passed) == 1:
            writer.write("one", document.write("one", "PROGRESS", values.encode({"done": 1}), time.time()))
        if len(passed) == 2:
            writer.write("one", succeeded("one", 7))

    value = app.AsyncResult("one").get(
        20,
        interval=0.02,
        on_message=lambda meta: heard.append((meta["task_id"], meta["status"], meta["result"])),
        on_interval=at_interval,
        callback=lambda id, value: heard.append((id, value)),
    )
    assert value == 7
    assert heard == [("one", "PROGRESS", {"done": 1}), ("one", "SUCCESS", 7), ("one", 7)]


def test_error_of_a_task_that_this_one_follows_is_raised_early(app):
    writer = Writer(app)
    writer.write("first", failed("first", KeyError("k")))
    result = app.AsyncResult("second")
    result.parent = app.AsyncResult("first")
    with pytest.raises(KeyError):
        result.get(20, interval=0.02)
    with pytest.raises(TimeoutError):
        result.get(0.05, interval=0.02, follow_parents=False)
    assert result.as_tuple() == (("second", (("first", None), None)), None)


def test_remote_traceback_goes_along(app):
    Writer(app).write("one", failed("one", ValueError("no"), "Traceback: far away"))
    with pytest.raises(ValueError, match="no") as raised:
        app.AsyncResult("one").get(5)
    assert raised.value.__notes__ == ["\nTraceback of the worker:\nTraceback: far away"]


def test_then_is_called_when_the_end_is_known(app):
    writer = Writer(app)
    heard = []
    good, bad = app.AsyncResult("good"), app.AsyncResult("bad")
    good.then(lambda result: heard.append(result.get()))
    bad.then(heard.append, lambda result: heard.append(result.state))
    assert not good.ready()
    writer.write("good", succeeded("good", 1))
    writer.write("bad", failed("bad", ValueError()))
    assert (good.ready(), bad.ready(), heard) == (True, True, [1, "FAILURE"])
    good.then(heard.append)
    assert heard[2:] == [good]


def test_whether_there_is_any_document(app):
    result = app.AsyncResult("one")
    assert not result.exists()
    Writer(app).write("one", succeeded("one", 1))
    assert result.exists()
    assert result.date_done.tzinfo is not None
    result.forget()
    assert not result.exists()


def test_tree_of_children(app):
    writer = Writer(app)
    data = succeeded("top", 1).replace(b'"children":[]', b'"children":[[["kid",null],null]]')
    writer.write("top", data)
    writer.write("kid", succeeded("kid", 2))
    top = app.AsyncResult("top")
    assert [(result.id, value) for result, value in top.collect()] == [("top", 1), ("kid", 2)]
    assert [(above and above.id, node.id) for above, node in top.iterdeps()] == [(None, "top"), ("top", "kid")]
    assert top.get_leaf() == 2


def test_waiting_in_a_task_is_refused(app):
    task = app.task(lambda number: number, name="leaf")

    @app.task(name="waits")
    def waits(how):
        result = task.delay(5)
        if how == "allowed":
            with allow_join_result():
                return result.get(20)
        return gather([result]) if how == "gathered" else result.get(20, disable_sync_subtasks=how != "asked")

    with InProcessWorker(app, concurrency=2):
        for how in ("plain", "gathered"):
            with pytest.raises(RuntimeError, match=r"Never call result\.get\(\) within a task!"):
                waits.delay(how).get(20)
        assert (waits.delay("allowed").get(20), waits.delay("asked").get(20)) == (5, 5)


def test_nobody_waits_for_what_is_not_kept(app):
    result = app.task(lambda: None, name="t").apply_async(ignore_result=True)
    assert (result.ignored, result.get()) == (True, None)
    assert gather([result]) == [None]
