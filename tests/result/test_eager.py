"""`EagerResult`: what it says, and what it does not ask for."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest

from celeriac.result import EagerResult, allow_join_result, denied_join_result


def test_value_is_there():
    result: EagerResult[Any] = EagerResult("one", 42, "SUCCESS", name="t")
    assert (result.get(), result.result, result.state, result.ready(), result.successful()) == (
        *(42, 42),
        "SUCCESS",
        True,
        True,
    )
    assert asyncio.run(result.aget()) == 42
    assert (result.name, result.exists(), result.supports_native_join) == ("t", True, False)
    result.forget()
    assert result.get() == 42


def test_failure_is_raised_unless_asked_not_to():
    error = ValueError("no")
    result: EagerResult[Any] = EagerResult("one", error, "FAILURE", "Traceback: there")
    with pytest.raises(ValueError, match="no"):
        result.get()
    assert result.get(propagate=False) is error
    assert (result.failed(), result.traceback) == (True, "Traceback: there")


def test_retry_is_given_not_raised():
    assert EagerResult("one", "again", "RETRY").get() == "again"


def test_revoking_changes_the_state():
    result: EagerResult[Any] = EagerResult("one", 42, "SUCCESS")
    result.revoke()
    assert (result.state, result.successful()) == ("REVOKED", False)


def test_pickled():
    again = pickle.loads(pickle.dumps(EagerResult("one", [1], "SUCCESS", None, "t")))
    assert (again.id, again.get(), again.name) == ("one", [1], "t")


def test_waiting_where_it_is_denied():
    with denied_join_result():
        with pytest.raises(RuntimeError, match=r"Never call result\.get\(\) within a task!"):
            EagerResult("one", 42, "SUCCESS").get()
        with allow_join_result():
            assert EagerResult("one", 42, "SUCCESS").get() == 42
