"""States and results, and workers in the test's own process."""

from __future__ import annotations

import functools
import inspect
import warnings
from typing import Any

from tests.compat.idioms.library import differs


def _thing():
    return object()


# -- states and results ----------------------------------------------------------------


def a_state_said_outside_a_worker(m: Any) -> Any:
    task = m.task()
    task.update_state(task_id="some-id", state="QUEUED", meta={"at": 1})
    found = task.AsyncResult("some-id")
    return found.state, found.info, found.result, found.ready()


@differs("`update_state` outside a worker, without an id")
def a_state_said_outside_a_worker_without_an_id(m: Any) -> Any:
    m.task().update_state(state="QUEUED")
    return "said"


def a_state_said_before_the_task_ends(m: Any) -> Any:
    task = m.task()
    result = task.apply_async((1,))
    task.update_state(task_id=result.id, state="QUEUED")
    seen = result.state
    with m.worker():
        return seen, result.get(timeout=5, interval=0.01)


def a_state_of_a_running_task(m: Any) -> Any:
    def work(self):
        self.update_state(state="HALF", meta={"done": 50})
        raise m.exceptions.Ignore

    task = m.task(work, bind=True)
    with m.worker():
        result = task.delay()
        for _ in range(500):
            if result.state == "HALF":
                break
            import time

            time.sleep(0.01)
        return result.state, result.info


def a_state_said_of_another_task(m: Any) -> Any:
    def work(self):
        self.update_state(task_id="another", state="BUSY", meta=1)

    return m.ran(m.task(work, bind=True)), m.app.AsyncResult("another").state


def a_result_that_cannot_be_written(m: Any) -> Any:
    state, told = m.ran(m.task(lambda: {1, 2}))
    return state, told[0]


def a_result_that_is_an_object(m: Any) -> Any:
    state, told = m.ran(m.task(_thing))
    return state, told[0]


def results_of_many_types(m: Any) -> Any:
    values = [None, 1, 1.5, "x", True, [1], {"a": [1, None]}, (1, 2), "ü" * 10, 1 << 70]
    task = m.task(lambda i: values[i])
    with m.worker():
        return [task.delay(i).get(timeout=5, interval=0.01) for i in range(len(values))]


def an_error_and_its_class(m: Any) -> Any:
    def fail():
        raise KeyError("k")

    task = m.task(fail)
    with m.worker():
        task.delay().get(timeout=5, interval=0.01)


def an_error_and_its_text(m: Any) -> Any:
    def fail():
        raise ValueError("text", 5)

    return m.ran(m.task(fail))


def an_error_without_arguments(m: Any) -> Any:
    def fail():
        raise ZeroDivisionError

    return m.ran(m.task(fail))


def an_ignored_result(m: Any) -> Any:
    task, after = m.task(ignore_result=True), m.task(name="after")
    with m.worker():
        result = task.delay(1)
        after.delay(1).get(timeout=5, interval=0.01)
        return result.state, result.result, result.get(timeout=1)


def a_result_by_its_id(m: Any) -> Any:
    task = m.task()
    found = task.AsyncResult("x"), m.app.AsyncResult("x"), m.result.AsyncResult("x", app=m.app)
    return [(each.id, each.task_id, each.state, each.result, str(each), each.ready(), each.failed()) for each in found]


def the_app_of_a_result(m: Any) -> Any:
    task = m.task()
    return (
        *(task.delay(1).app is m.app, task.AsyncResult("x").app is m.app, m.app.AsyncResult("x").app is m.app),
        m.result.AsyncResult("x", app=m.app).app is m.app,
    )


def the_app_of_a_result_of_the_current_app(m: Any) -> Any:
    m.app.set_current()
    return m.result.AsyncResult("x").app.main


def a_result_that_does_not_come(m: Any) -> Any:
    m.task().delay(1).get(timeout=0.05)


def a_result_that_does_not_come_is_a_timeout(m: Any) -> Any:
    try:
        m.task().delay(1).get(timeout=0.05)
    except m.exceptions.TimeoutError as error:
        return type(error).__name__


def a_forgotten_result(m: Any) -> Any:
    task = m.task()
    with m.worker():
        result = task.delay(1)
        result.get(timeout=5, interval=0.01)
        result.forget()
        return m.app.AsyncResult(result.id).state


def a_revoked_task(m: Any) -> Any:
    result = m.task().apply_async((1,))
    return result.revoke()


@differs("`name`, `worker`, `queue`, `retries` of a result")
def properties_of_a_result(m: Any) -> Any:
    task = m.task()
    with m.worker():
        result = task.delay(1)
        result.get(timeout=5, interval=0.01)
        return (
            *(result.status, result.state, result.info, result.result, result.traceback, result.children),
            *(result.parent, result.date_done is not None, result.successful(), result.failed(), result.ready()),
            *(result.args, result.kwargs, result.worker, result.retries, result.queue),
            *(result.supports_native_join, bool(result), result == result.id, hash(result) == hash(result.id)),
        )


def properties_of_an_extended_result(m: Any) -> Any:
    m.app.conf.result_extended = True
    task = m.task()
    with m.worker():
        result = task.delay(1, b=4)
        result.get(timeout=5, interval=0.01)
        return result.name, result.args, result.kwargs, result.retries, result.queue


# -- workers in this process -----------------------------------------------------------


def a_task_declared_while_a_worker_runs(m: Any) -> Any:
    """Celery's own documented test."""
    with m.worker() as worker:

        @m.app.task
        def mul(x, y):
            return x * y

        worker.reload()
        return mul.delay(4, 4).get(timeout=10)


def a_second_task_declared_while_a_worker_runs(m: Any) -> Any:
    first = m.task(name="first")
    with m.worker() as worker:
        one = first.delay(1).get(timeout=5, interval=0.01)
        second = m.task(name="second")
        worker.reload()
        return one, second.delay(2).get(timeout=10, interval=0.01)


def arguments_in_a_worker_are_not_checked_twice(m: Any) -> Any:
    state, told = m.ran(m.task(typing=False))
    return state, told[0]


@differs("`self.request.args` of a task that is called like a function")
def a_task_called_directly_sees_its_arguments(m: Any) -> Any:
    task = m.task(lambda self, a: (list(self.request.args or ()), self.request.called_directly), bind=True)
    return task(5)


def warnings_of_a_misspelt_option(m: Any) -> Any:
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        return m.task(ignore_results=True).name


def a_decorated_function(m: Any) -> Any:
    def twice(function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            return 2 * function(*args, **kwargs)

        return call

    @m.app.task(name="t")
    @twice
    def add(a, b=1):
        return a + b

    return add(1), str(inspect.signature(add.run)), m.ran(add, 1)
