"""Results in every format: what our workers write the real Celery reads, and the other way round."""

from __future__ import annotations

from typing import Any

import pytest

from celeriac import Celeriac
from celeriac.exceptions import ContentDisallowed, NotRegistered
from celeriac.ids import new_id
from celeriac.worker.processes.inprocess import InProcessWorker

pytestmark = pytest.mark.slow

VALUE = {"text": "ü", "list": [1, None, 2.5, True], "nested": {"a": []}}
FORMATS = [
    ("json", "gzip"),
    ("msgpack", None),
    ("msgpack", "bzip2"),
    ("yaml", None),
    ("pickle", None),
    ("pickle", "gzip"),
]

ELSEWHERE = """celery.Celery("other", broker={broker}, backend={backend}, set_as_current=False,
    result_serializer={name}, accept_content=["json", {name}], result_compression={packing}, result_extended=True)"""


@pytest.fixture(params=FORMATS, ids=lambda each: "-".join(filter(None, each)))
def both(request, celery, place):
    """Our app, and a function that evaluates an expression where `other` is an app of the real Celery's."""
    name, packing = request.param
    settings: dict[str, Any] = {
        "task_unknown_timeout": 0,
        "result_serializer": name,
        "result_compression": packing,
        "accept_content": ["json", name],
    }
    names = {"broker": place.broker, "backend": place.results, "name": name, "packing": packing}

    def ask(expression, **more):
        return celery(f"(lambda other: {expression})({ELSEWHERE})", place, **names, **more)

    with Celeriac("formats", broker=place.broker, backend=place.results, result_extended=True, **settings) as app:

        @app.task(name="echo")
        def echo(value):
            return value

        @app.task(name="fail")
        def fail(*args):
            raise KeyError(*args)

        @app.task(name="tell", bind=True, track_started=True)
        def tell(self, value):
            self.update_state(state="HALF", meta={"value": value})
            return value

        yield app, ask


def test_celery_reads_ours(both):
    app, ask = both
    with InProcessWorker(app):
        fine, bad = app.tasks["echo"].delay(VALUE), app.tasks["fail"].delay("x", 1)
        told, unknown = app.tasks["tell"].delay(VALUE), app.send_task("unheard.of")
        assert fine.get(20) == VALUE
        assert told.get(20) == VALUE
        with pytest.raises(NotRegistered, match="unheard"):
            unknown.get(20)
        with pytest.raises(KeyError) as caught:
            bad.get(20)
        assert caught.value.args == ("x", 1)
    fields = "[(r.state, r.result, r.name, r.kwargs, r.get(timeout=5)) for r in [other.AsyncResult({id})]][0]"
    assert ask(fields, id=fine.id) == ("SUCCESS", VALUE, "echo", {}, VALUE)
    assert ask("type(other.AsyncResult({id}).result).__name__", id=unknown.id) == "NotRegistered"
    failed = "[(r.state, repr(r.result), r.traceback) for r in [other.AsyncResult({id})]][0]"
    state, error, trace = ask(failed, id=bad.id)
    assert (state, error) == ("FAILURE", "KeyError('x', 1)")
    assert "in fail" in trace


def test_we_read_celerys(both):
    app, ask = both
    ids = [new_id() for _ in range(4)]
    waiting = app.AsyncResult(ids[0])
    store = "other.backend.store_result({id}, {value}, {state}) and None"
    for id, value, state in zip(
        ids, (VALUE, VALUE, None, {"pid": 3}), ("SUCCESS", "HALF", "RETRY", "STARTED"), strict=True
    ):
        ask(store, id=id, value=value, state=state)
    assert waiting.get(20) == VALUE
    assert [app.AsyncResult(id).state for id in ids[1:]] == ["HALF", "RETRY", "STARTED"]
    assert app.AsyncResult(ids[1]).info == VALUE
    assert app.AsyncResult(ids[3]).ready() is False
    bad = new_id()
    ask("other.backend.mark_as_failure({id}, KeyError('x'), traceback='there')", id=bad)
    with pytest.raises(KeyError, match="x"):
        app.AsyncResult(bad).get(20)
    assert app.AsyncResult(bad).traceback == "there"


def test_a_revocation_is_written_in_the_format_and_ends_nothing_twice(both):
    app, ask = both
    with InProcessWorker(app):
        delayed = app.tasks["echo"].apply_async((1,), countdown=3600)
        delayed.revoke()
        done = app.tasks["echo"].apply_async((2,))
        assert done.get(20) == 2
        again = app.tasks["echo"].apply_async((3,), countdown=3600, task_id=done.id, retries=1)
        again.revoke()
    read = "[(r.state, str(r.result)) for r in [other.AsyncResult({id})]][0]"
    assert ask(read, id=delayed.id) == ("REVOKED", "revoked")
    assert ask(read, id=done.id) == ("SUCCESS", "2")
    assert app.AsyncResult(done.id).state == "SUCCESS"


def test_what_is_not_accepted_is_left_where_it_is(both, place):
    app, ask = both
    id = new_id()
    ask("other.backend.store_result({id}, 5, 'SUCCESS')", id=id)
    name = app.conf.result_serializer
    with Celeriac("strict", broker=place.broker, backend=place.results) as strict:
        if name == "json":
            assert strict.AsyncResult(id).get(5) == 5
            return
        with pytest.raises(ContentDisallowed, match=f"result_accept_content must name '{name}'"):
            strict.AsyncResult(id).get(5)
        with pytest.raises(ContentDisallowed):
            strict.AsyncResult(id).state  # noqa: B018 - asking is what raises
    assert app.AsyncResult(id).get(5) == 5


def test_shared_results_are_written_in_the_format(both):
    app, ask = both
    first = app.tasks["echo"].apply_async((1,), cache_for=60)
    assert ask("other.AsyncResult({id}).state", id=first.id) == "PENDING"
    with InProcessWorker(app):
        assert first.get(20) == 1
    assert app.tasks["echo"].apply_async((1,), cache_for=60).get(0) == 1
