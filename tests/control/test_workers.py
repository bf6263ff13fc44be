"""Whoever waits for what nobody will run is told so; on each store."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from celeriac import Celeriac
from celeriac.control.workers import look_who_serves, nobody_serves
from celeriac.exceptions import TimeoutError
from celeriac.result import waiting
from celeriac.stores import contract as c


def serve(app: Celeriac, *queues: str, worker: str = "w1@vm/e1") -> c.Lease:
    lease = c.Lease(worker, "epoch")
    app.store.run(c.OpenLease(lease, c.WorkerRecord(queues=queues)))
    return lease


def test_who_serves_what(app):
    serve(app, "a", "b")
    lease = serve(app, "b", worker="w2@vm/e2")
    assert look_who_serves(app.store).queues == {"a": ("w1@vm",), "b": ("w1@vm", "w2@vm")}
    app.store.run(c.CloseLease(lease))
    assert look_who_serves(app.store).others == "w1@vm serves a, b"


def test_a_timeout_says_that_no_worker_serves_the_queue(app):
    result = app.send_task("t.add", queue="emails")
    with pytest.raises(TimeoutError, match=r"within 1 s: no worker serves queue emails \(no worker is there\)$"):
        result.get(timeout=1)
    serve(app, "celery")
    with pytest.raises(TimeoutError, match=r"no worker serves queue emails \(w1@vm serves celery\)$"):
        asyncio.run(result.aget(timeout=1))
    with pytest.raises(TimeoutError, match=r"within 0.01 s$"):
        result.get(timeout=0.01)
    serve(app, "emails", worker="w2@vm/e2")
    with pytest.raises(TimeoutError, match=r"within 1 s$"):
        result.get(timeout=1)


def test_of_what_is_not_waiting_nothing_is_said(app):
    serve(app, "celery")
    app.send_task("t.add", queue="emails")
    running, later = app.send_task("t.add"), app.send_task("t.add", countdown=60)
    app.store.run(c.Finish(c.Lease("w1@vm/e1", "epoch"), queues=("celery",), count=1, first=1))
    for id in (running.id, later.id, "unknown"):
        assert nobody_serves(app.store, id) == ""


@pytest.mark.parametrize("hooked", [False, True])
def test_who_waits_for_ever_is_warned_once(app, monkeypatch, caplog, hooked):
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0.2)
    result = app.send_task("t.add", queue="emails")
    warned = threading.Event()

    class Hear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            warned.set()

    hear = Hear()
    logging.getLogger("celeriac").addHandler(hear)
    options = {"on_interval": lambda: None, "interval": 0.05} if hooked else {}
    waits = threading.Thread(target=lambda: result.get(propagate=False, **options))
    waits.start()
    try:
        assert warned.wait(20)
        result.revoke()
        lease = serve(app, "emails")
        (claim,) = app.store.run(c.Finish(lease, queues=("emails",), count=1, first=1)).claims
        document = b'{"status":"SUCCESS","result":1,"traceback":null,"children":[]}'
        app.store.run(c.Finish(lease, (c.Outcome(claim.id, result.id, document),), first=2))
    finally:
        waits.join(20)
        logging.getLogger("celeriac").removeHandler(hear)
    expected = f"waiting for t.add[{result.id}] since 0.2 s: no worker serves queue emails (no worker is there)"
    assert [record.getMessage() for record in caplog.records] == [expected]


def test_a_store_that_is_away_is_no_reason_to_fail_otherwise(app):
    class Away:
        def __getattr__(self, name):
            return getattr(app.store, name)

        def run(self, request, *, deadline=None):
            from celeriac.exceptions import OperationalError

            raise OperationalError("away")

    assert nobody_serves(Away(), "id") == ""
