"""Revoking from Python, on each store."""

from __future__ import annotations

import signal

import pytest

from celeriac import Celeriac
from celeriac.exceptions import ImproperlyConfigured, TaskRevokedError
from celeriac.stores import contract as c


@pytest.fixture
def app(served: Celeriac) -> Celeriac:
    return served


def remembered(app):
    return [(entry.task, entry.terminate, entry.signal) for entry in app.store.run(c.Revocations()).entries]


def test_a_delayed_task_is_revoked_at_once_and_who_waits_hears_it(app):
    result = app.send_task("any", countdown=3600)
    result.revoke()
    assert result.state == "REVOKED"
    with pytest.raises(TaskRevokedError, match="revoked"):
        result.get(timeout=5)
    assert remembered(app) == []
    assert app.store.run(c.Stats(("celery",)))[0].delayed == 0


def test_a_task_that_waits_in_its_queue_is_remembered(app):
    result = app.send_task("any")
    result.revoke(terminate=True, signal="SIGKILL")
    assert result.state == "PENDING"
    assert remembered(app) == [(result.id, True, "SIGKILL")]


def test_control_takes_one_id_or_several(app):
    delayed = app.send_task("any", countdown=3600)
    assert app.control.revoke("t1") == ()
    assert app.control.revoke(["t2", delayed.id]) == (delayed.id,)
    assert app.control.revoke([]) == ()
    app.control.terminate("t3", signal="KILL")
    assert remembered(app) == [("t1", False, "SIGTERM"), ("t2", False, "SIGTERM"), ("t3", True, "SIGKILL")]


@pytest.mark.parametrize("name", ["SIGUSR1", "usr1", signal.SIGUSR1, 10], ids=repr)
def test_a_signal_has_many_names(app, name):
    app.control.terminate("t1", signal=name)
    assert remembered(app) == [("t1", True, "SIGUSR1")]


@pytest.mark.parametrize("name", ["SIGNOTHING", "", 4000], ids=repr)
def test_a_signal_that_is_none_is_refused(app, name):
    with pytest.raises(ImproperlyConfigured, match="no signal"):
        app.control.terminate("t1", signal=name)
    assert remembered(app) == []
