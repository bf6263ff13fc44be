"""Exceptions as data: Celery's form, and nothing but exceptions on the way back."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from celeriac import exceptions
from celeriac.message import failure


class Custom(Exception):
    """Importable: this module is loaded."""

    class Inner(Exception):
        """One inside it."""


class Picky(Exception):
    """Cannot be made from its own arguments."""

    def __init__(self, *, code):
        super().__init__(code)


@pytest.mark.parametrize("error", [ValueError("no", 3), KeyError("k"), Custom("mine"), OSError(2, "gone")])
def test_exceptions_come_back_as_their_own_class(error):
    back = failure.from_dict(json.loads(json.dumps(failure.to_dict(error))))
    assert type(back) is type(error)
    assert back.args == error.args


def test_the_form_is_celerys():
    assert failure.to_dict(ValueError("no")) == {
        "exc_type": "ValueError",
        "exc_message": ["no"],
        "exc_module": "builtins",
    }


@pytest.mark.parametrize(
    ("error", "module"),
    [
        (exceptions.MaxRetriesExceededError("x"), "celery.exceptions"),
        (exceptions.NotRegistered("x"), "celery.exceptions"),
        (exceptions.TaskRevokedError("x"), "celery.exceptions"),
        (exceptions.WorkerLostError("x"), "billiard.exceptions"),
    ],
)
def test_what_celery_has_too_is_written_under_its_name(error, module):
    fields = failure.to_dict(error)
    assert fields["exc_module"] == module
    assert type(failure.from_dict(fields)) is type(error)


def test_a_class_that_is_not_here_gets_a_stand_in():
    error = failure.from_dict({"exc_type": "Nope", "exc_message": ["a", 1], "exc_module": "not.here"})
    assert isinstance(error, exceptions.RemoteError)
    assert type(error).__name__ == "Nope"
    assert (error.remote_type, error.args) == ("not.here.Nope", ("a", 1))
    assert "not.here.Nope" in str(error)


def test_a_class_that_refuses_its_arguments_gets_a_stand_in():
    error = failure.from_dict({"exc_type": "Picky", "exc_message": ["a"], "exc_module": __name__})
    assert isinstance(error, exceptions.RemoteError)


@pytest.mark.parametrize(
    "fields",
    [
        {"exc_type": "system", "exc_message": ["exit 1"], "exc_module": "os"},
        {"exc_type": "Popen", "exc_message": [["true"]], "exc_module": "subprocess"},
        {"exc_type": "__import__", "exc_message": ["os"], "exc_module": "builtins"},
    ],
)
def test_nothing_but_an_exception_class_is_ever_called(fields):
    assert isinstance(failure.from_dict(fields), exceptions.RemoteError)


@pytest.mark.parametrize("fields", [None, "text", 5, [], {}])
def test_results_that_are_no_exceptions_become_one(fields):
    assert isinstance(failure.from_dict(fields), Exception)


def test_arguments_that_cannot_be_written_become_their_repr():
    fields = failure.to_dict(ValueError("a", {1, 2}))
    assert fields["exc_message"] == ["a", "{1, 2}"]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "path.os.system"),
        ("builtins", "type"),
        ("builtins", "ValueError.__init__"),
        (__name__, "Custom.__mro__"),
        ("celery.exceptions", "builtins"),
        ("celery.exceptions", "Any"),
        ("", ""),
        ("os", ""),
    ],
)
def test_a_name_leads_to_an_exception_class_or_to_nothing(module, name):
    assert failure.find_class(module, name) is None


def test_a_class_inside_another_is_found_by_its_dotted_name():
    assert failure.find_class(__name__, "Custom.Inner") is Custom.Inner


def test_reading_imports_nothing():
    program = """
import sys, concurrent.futures
from celeriac.message import failure
failure.from_dict({"exc_type": "ProcessPoolExecutor", "exc_message": [], "exc_module": "concurrent.futures"})
sys.exit("concurrent.futures.process" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("module", "name"),
    [("builtins", "SystemExit"), ("builtins", "KeyboardInterrupt"), ("asyncio.exceptions", "CancelledError")],
)
def test_a_result_never_ends_the_process_that_asks_for_it(module, name):
    error = failure.from_dict({"exc_type": name, "exc_message": [3], "exc_module": module})
    assert isinstance(error, exceptions.RemoteError)
    assert (type(error).__name__, error.remote_type, error.args) == (name, f"{module}.{name}", (3,))


def test_a_stand_in_survives_pickle_and_the_way_back():
    error = failure.from_dict({"exc_type": "Nope", "exc_message": ["a"], "exc_module": "not.here"}, "Traceback: ...")
    back: exceptions.RemoteError = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert (back.args, back.remote_traceback) == (("a",), "Traceback: ...")
    assert failure.to_dict(back) == {"exc_type": "Nope", "exc_message": ["a"], "exc_module": "not.here"}


class Hostile(Exception):
    """Everything that can be asked of it raises."""

    args = property(lambda self: 1 / 0)

    def __repr__(self):
        raise SystemExit("repr")

    __str__ = __repr__


def test_an_exception_that_cannot_be_shown_is_told_all_the_same():
    error = Hostile("quiet", Hostile("inner"))
    fields = failure.to_dict(error)
    assert (fields["exc_type"], fields["exc_message"][0]) == ("Hostile", "quiet")
    assert "Hostile" in failure.trace(error)
    json.dumps(fields)


def test_causes_in_a_circle_are_written_once():
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert failure.trace(first).count("ValueError: first") == 1


def test_ten_megabytes_of_message_are_cut():
    error = ValueError("x" * 10_000_000, "y" * 10_000_000)
    fields = failure.to_dict(error)
    assert len(json.dumps(fields)) < 2 * failure.MOST_BYTES
    assert fields["exc_message"][0].endswith("... (10000000 characters)")
    assert len(failure.trace(error)) < failure.MOST_BYTES


def test_a_traceback_of_groups_within_groups_is_text():
    error: Exception = ValueError("inside")
    for _ in range(5000):
        error = ExceptionGroup("outside", [error])
    assert "ExceptionGroup" in failure.trace(error)


def test_a_module_name_that_is_no_text_is_written_as_text():
    class Odd(Exception):
        __module__ = 5  # type: ignore[assignment]

    assert failure.to_dict(Odd())["exc_module"] == "5"


@pytest.mark.parametrize("fields", [{"exc_type": 5}, {"exc_type": "x" * 10**6}, {"exc_type": ["a"], "exc_module": {}}])
def test_names_that_are_none_are_left_out(fields):
    error = failure.from_dict(fields)
    assert isinstance(error, exceptions.RemoteError)
    assert error.remote_type == "Exception"


THEIRS = {"__name__": "shop.tasks"}
OURS = {"__name__": "celeriac.worker.child.executor"}
PYDANTICS = {"__name__": "pydantic.validate"}


def raised(*rooms: dict[str, str], cause: BaseException | None = None) -> ValueError:
    """An error that went through functions of these modules, the innermost last."""

    def innermost() -> None:
        raise ValueError("mine") from cause

    call: Callable[[], None] = innermost
    for number, room in enumerate(reversed(rooms)):
        scope: dict[str, Any] = {**room, "inner": call}
        exec(compile(f"def frame():\n    inner() # {number}\n", room["__name__"], "exec"), scope)
        call = scope["frame"]
    try:
        call()
    except ValueError as error:
        # What belongs to the test itself, at both ends.
        place = error.__traceback__
        return error.with_traceback(place and place.tb_next)
    raise AssertionError


def rooms_of(error: BaseException) -> list[str]:
    return [frame.filename for frame in traceback.extract_tb(error.__traceback__)][:-1]


@pytest.mark.parametrize(
    ("rooms", "left"),
    [
        ((OURS, OURS, THEIRS, THEIRS), ["shop.tasks", "shop.tasks"]),
        ((OURS, PYDANTICS, OURS, THEIRS), ["shop.tasks"]),
        ((OURS, THEIRS, OURS), ["shop.tasks", "celeriac.worker.child.executor"]),
        ((THEIRS,), ["shop.tasks"]),
    ],
)
def test_tracebacks_begin_with_the_first_frame_that_is_not_ours(rooms, left: list[str]):
    error = raised(*rooms)
    failure.begin_with_theirs(error)
    assert rooms_of(error) == left


def test_what_led_to_an_error_begins_with_their_frames_too():
    first = raised(OURS, THEIRS)
    second = raised(OURS, THEIRS, cause=first)
    first.__context__ = second
    group = ExceptionGroup("both", [raised(OURS, THEIRS)])
    group.__cause__ = second
    failure.begin_with_theirs(group)
    assert [rooms_of(each) for each in (first, second, group.exceptions[0])] == [["shop.tasks"]] * 3


def test_an_error_with_no_frames_of_theirs_keeps_the_last():
    error = raised(OURS, PYDANTICS)
    place = error.__traceback__
    assert place is not None
    # Without the function of this test that raises.
    ours = [TracebackType(None, at.tb_frame, at.tb_lasti, at.tb_lineno) for at in (place, place.tb_next) if at]
    ours[0].tb_next = ours[1]
    failure.begin_with_theirs(error.with_traceback(ours[0]))
    assert [frame.filename for frame in traceback.extract_tb(error.__traceback__)] == ["pydantic.validate"]


def test_an_error_that_was_never_raised_stays_so():
    error = ValueError()
    failure.begin_with_theirs(error)
    assert error.__traceback__ is None


def test_an_error_of_pydantic_keeps_its_text():
    class Book(BaseModel):
        id: int

    with pytest.raises(ValidationError) as raised:
        Book.model_validate({"id": "no"})
    told = failure.from_dict(failure.to_dict(raised.value))
    assert isinstance(told, exceptions.RemoteError)
    assert type(told).__name__ == "ValidationError"
    assert "1 validation error for Book" in str(told)
    assert "valid integer" in str(told)


class Silent(Exception):
    """Has no arguments, and a text of its own."""

    def __str__(self):
        return "silent"


def test_an_error_that_can_be_made_again_stays_as_it_is():
    assert failure.to_dict(Silent())["exc_message"] == []
    assert type(failure.from_dict(failure.to_dict(Silent()))) is Silent
