"""Ids, names of tasks and queue names that no worker would take are refused where the task is called."""

from __future__ import annotations

import pytest

from celeriac import Celeriac
from celeriac.exceptions import InvalidOption
from celeriac.message.task import MOST_NAME
from celeriac.worker.processes.inprocess import InProcessWorker
from tests.peek import waiting

WRONG = {
    "a number": 7,
    "a line feed": "a\nb",
    "a zero": "a\0b",
    "a tab": "a\tb",
    "a surrogate": "\ud800",
    "bytes": b"id",
    "too long": "x" * (MOST_NAME + 1),
}
RIGHT = ("x", "a b", "ü/ñ:{}*", "日本", "x" * MOST_NAME)


@pytest.fixture
def app():
    with Celeriac("tests", broker="memory://") as app:
        yield app


@pytest.fixture
def add(app):
    return app.task(name="add")(lambda a, b=2: a + b)


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("option", ["task_id", "queue"])
def test_what_no_worker_would_take_is_refused_at_the_call(app, add, option, wrong):
    sends = (lambda: add.apply_async((1,), **{option: wrong}), lambda: app.send_task("add", (1,), **{option: wrong}))
    for send in sends:
        with pytest.raises((InvalidOption, AttributeError) if option == "queue" else InvalidOption):
            send()
    assert waiting(app.store, "celery") == []


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_no_task_has_such_a_name(app, wrong):
    with pytest.raises(InvalidOption, match="name of a task"):
        app.send_task(wrong)


def test_an_empty_id_is_none_given(add):
    assert len(add.apply_async((1,), task_id="").id) == 36


@pytest.mark.parametrize("right", RIGHT, ids=["short", "blank", "signs", "letters", "longest"])
def test_what_may_be_sent_is_run(app, add, right):
    app.conf.task_queues = [right, "celery"]
    with InProcessWorker(app):
        result = add.apply_async((1,), task_id=right, queue=right)
        assert (result.id, result.get(timeout=20)) == (right, 3)


def test_a_retry_of_the_longest_id_runs(app):
    @app.task(bind=True, name="again")
    def again(self):
        if not self.request.retries:
            raise self.retry(countdown=0)
        return "done"

    with InProcessWorker(app):
        assert again.apply_async(task_id="x" * MOST_NAME).get(timeout=20) == "done"
