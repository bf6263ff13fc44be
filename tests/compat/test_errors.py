"""Errors arrive as their own class, with their arguments, wherever the class can be had."""

from __future__ import annotations

import sys

import pytest

from celeriac.exceptions import MaxRetriesExceededError, NotRegistered, RemoteError
from tests.compat.celery_side import Raised
from tests.compat.conftest import client_at
from tests.compat.fleet.errors import OutOfStock

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("call", "kind", "arguments"),
    [
        ("fail.delay('builtin')", "builtins.KeyError", ["'missing'", "3"]),
        ("fail.delay('system')", "builtins.FileNotFoundError", ["2", "'No such file or directory'"]),
        ("fail.delay('module')", "tests.compat.fleet.errors.OutOfStock", ["'ducks'", "2"]),
        ("hopeless.delay(reason=True)", "tests.compat.fleet.errors.OutOfStock", ["'hope'", "0"]),
        ("hopeless.delay(reason=False)", "celery.exceptions.MaxRetriesExceededError", None),
        ("add.delay(1, 'x')", "builtins.TypeError", None),
        ("die.delay()", "billiard.exceptions.WorkerLostError", None),
    ],
)
def test_celery_client_gets_the_errors_of_our_worker(celery, celeriac_works, call, kind, arguments):
    name, _, rest = call.partition(".")
    with pytest.raises(Raised) as raised:
        celery(f"app.tasks['{name}'].{rest}.get(timeout=20)", celeriac_works)
    assert raised.value.kind == kind
    if arguments is not None:
        assert raised.value.arguments == arguments


def test_celery_client_gets_a_stand_in_for_a_class_it_does_not_have(celery, celeriac_works):
    with pytest.raises(Raised) as raised:
        celery("app.tasks['fail'].delay('hidden').get(timeout=20)", celeriac_works)
    assert raised.value.kind.endswith(".Secret")
    assert raised.value.arguments == ["'psst'", "7"]


def test_celery_client_hears_that_a_task_is_not_known(celery, celeriac_works):
    with pytest.raises(Raised) as raised:
        celery("app.send_task('unheard.of').get(timeout=20)", celeriac_works)
    assert raised.value.kind == "celery.exceptions.NotRegistered"


def test_celery_client_sees_state_and_traceback_of_our_worker(celery, celeriac_works):
    task_id = celery("app.tasks['fail'].delay('module').id", celeriac_works)
    look = "(lambda r: (repr(r.get(timeout=20, propagate=False)), r.state, r.failed(), r.traceback))"
    value, state, failed, traceback = celery(f"{look}(app.AsyncResult({{id}}))", celeriac_works, id=task_id)
    assert (value, state, failed) == ("OutOfStock('ducks', 2)", "FAILURE", True)
    assert traceback.startswith("Traceback (most recent call last):\n")
    assert "raise make_error(kind)" in traceback
    assert traceback.endswith("tests.compat.fleet.errors.OutOfStock: ('ducks', 2)\n")


@pytest.mark.parametrize(
    ("call", "kind", "arguments"),
    [
        (("fail", "builtin"), KeyError, ("missing", 3)),
        (("fail", "system"), FileNotFoundError, (2, "No such file or directory")),
        (("fail", "module"), OutOfStock, ("ducks", 2)),
        (("add", 1, "x"), TypeError, None),
    ],
)
def test_our_client_gets_the_errors_of_a_celery_worker(celery_works, call, kind, arguments):
    name, *args = call
    with client_at(celery_works) as app, pytest.raises(kind) as raised:
        app.tasks[name].delay(*args).get(timeout=20)
    assert type(raised.value) is kind
    if arguments is not None:
        assert raised.value.args == arguments


def test_our_client_gets_what_ends_retries_at_a_celery_worker(celery_works):
    with client_at(celery_works) as app:
        with pytest.raises(OutOfStock, match="hope"):
            app.tasks["hopeless"].delay(reason=True).get(timeout=20)
        with pytest.raises(MaxRetriesExceededError, match="Can't retry hopeless"):
            app.tasks["hopeless"].delay(reason=False).get(timeout=20)


def test_our_client_gets_a_stand_in_for_a_class_it_does_not_have(celery_works):
    with client_at(celery_works) as app, pytest.raises(RemoteError) as raised:
        app.tasks["fail"].delay("hidden").get(timeout=20)
    assert raised.value.remote_type == "tests.compat.fleet.hidden.Secret"
    assert raised.value.args == ("psst", 7)
    assert "tests.compat.fleet.hidden" not in sys.modules


def test_our_client_hears_that_a_task_is_not_known(celery_works):
    with client_at(celery_works) as app, pytest.raises(NotRegistered, match=r"unheard\.of"):
        app.send_task("unheard.of").get(timeout=20)


def test_our_client_sees_state_and_traceback_of_a_celery_worker(celery_works):
    with client_at(celery_works) as app:
        result = app.tasks["fail"].delay("builtin")
        assert isinstance(result.get(timeout=20, propagate=False), KeyError)
        assert (result.state, result.failed()) == ("FAILURE", True)
        assert "raise make_error(kind)" in (result.traceback or "")
