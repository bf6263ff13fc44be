"""Exceptions as data and back, in Celery's form `{exc_type, exc_message, exc_module}`.

Writing always gives something: whatever an exception's own code does, the result names its class and what
can be said of its arguments, in `MOST_BYTES` at most.

Reading follows a list of what is allowed. It never imports a module, and never calls anything but the class
of an ordinary exception (a subclass of `Exception`) that this process has loaded already; the hole of
CVE-2021-23727 was a result that named `os.system`. Everything else comes back as a `RemoteError` that bears
the name of the class: what is not here, what refuses its arguments, and what would end the process or cancel
the coroutine that asks for the result (`SystemExit`, `KeyboardInterrupt`, `CancelledError`).
"""

from __future__ import annotations

import sys
from functools import lru_cache
from types import ModuleType, TracebackType
from typing import Any

from celeriac import exceptions
from celeriac.message import values

MOST_BYTES = 1 << 20
"""The arguments of one exception together, and its traceback, as JSON; Celery's clients read all of it at once."""

_CELERY_NAMES = frozenset(
    {"MaxRetriesExceededError", "NotRegistered", "Retry", "Ignore", "Reject", "TaskRevokedError", "TimeoutError"}
)
"""Classes that Celery has too: written under its module, so that its clients find their own."""

_BILLIARD_NAMES = frozenset({"WorkerLostError", "TimeLimitExceeded", "SoftTimeLimitExceeded"})
"""Those it has from billiard."""

_KOMBU_NAMES = frozenset({"ContentDisallowed", "EncodeError", "OperationalError"})
"""Those it has from kombu."""

_OURS_TOO = frozenset({"celery.exceptions", "billiard.exceptions", "kombu.exceptions", exceptions.__name__})
_NAME_LENGTH = 256
_NOT_THEIRS = frozenset({"celeriac", "pydantic"})
_TRACEBACK, *_LED_TO_IT = (BaseException.__dict__[f"__{name}__"] for name in ("traceback", "cause", "context"))
_EXCEPTIONS = BaseExceptionGroup.__dict__["exceptions"]
"""The slots themselves: a class may have made properties of them."""


def to_dict(error: BaseException) -> dict[str, Any]:
    """An exception as plain data; arguments that cannot be encoded, or are too long, become their `repr`."""
    kind = type(error)
    name, module = kind.__qualname__, str(kind.__module__)
    if module == exceptions.__name__:
        if kind.__name__ in _CELERY_NAMES:
            module = "celery.exceptions"
        elif kind.__name__ in _BILLIARD_NAMES:
            module = "billiard.exceptions"
        elif kind.__name__ in _KOMBU_NAMES:
            module = "kombu.exceptions"
    elif module == __name__ and issubclass(kind, exceptions.RemoteError):
        module, _, name = kind.remote_type.rpartition(".")
    return {"exc_type": name, "exc_message": _arguments(error), "exc_module": module}


def _arguments(error: BaseException) -> list[Any]:
    """The arguments as far as they can be written, in the bytes there are."""
    # Not `error.args`: a class may have made a property of that.
    arguments: tuple[Any, ...] = BaseException.__dict__["args"].__get__(error) or _text_of(error)
    written, left = [], MOST_BYTES
    for item in arguments:
        value, size = _safe(item, left)
        written.append(value)
        left -= size
        if left <= 0:
            break
    return written


def _text_of(error: BaseException) -> tuple[str, ...]:
    """What an exception says that has no arguments and cannot be made without, as pydantic's: else it is lost."""
    try:
        text = str(error)
    except Exception:
        return ()
    if not text:
        return ()
    try:
        type(error)()
    except Exception:
        return (text,)
    return ()


def _safe(value: Any, maximum: int) -> tuple[Any, int]:
    """The value and its length as JSON."""
    try:
        size = len(values.encode(value))
        if size <= maximum:
            return value, size
        if type(value) is str:
            return f"{value[: maximum // 8]}... ({len(value)} characters)", size
    except Exception:
        pass
    text = values.short_repr(value)
    return text, len(text)


def name(error: BaseException) -> str:
    """The class of an exception, with its module unless that is Python's own or ours."""
    kind = type(error)
    known = kind.__module__ in ("builtins", exceptions.__name__)
    return kind.__qualname__ if known else f"{kind.__module__}.{kind.__qualname__}"


def place(error: BaseException) -> str:
    """Where it was raised, as `file:line in function`; empty for one that was not raised."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno} in {at.tb_frame.f_code.co_name}" if at else ""


def begin_with_theirs(error: BaseException) -> None:
    """Let the tracebacks of an error, and of what led to it, begin with the first frame of whoever it is of.

    What stands before it, our frames and those of pydantic's check of the arguments, is the same for every task. Of
    an error that has no other frames the last one stays.
    """
    todo, seen = [error], set[int]()
    while todo:
        error = todo.pop()
        if id(error) in seen:
            continue
        seen.add(id(error))
        place = last = _TRACEBACK.__get__(error)
        while place is not None and _room(place) in _NOT_THEIRS:
            last, place = place, place.tb_next
        _TRACEBACK.__set__(error, place or last)
        todo += [each for slot in _LED_TO_IT if (each := slot.__get__(error)) is not None]
        if isinstance(error, BaseExceptionGroup):
            todo += _EXCEPTIONS.__get__(error)


def _room(place: TracebackType) -> str:
    return str(place.tb_frame.f_globals.get("__name__")).partition(".")[0]


def trace(error: BaseException) -> str:
    """The traceback as text, whatever the exception does when it is looked at; the middle is left out of long ones."""
    import traceback

    try:
        text = "".join(traceback.format_exception(error))
    except BaseException:
        text = "".join(traceback.format_tb(error.__traceback__)) + f"{type(error).__qualname__}: cannot be shown\n"
    if len(text) <= MOST_BYTES // 8:
        return text
    half = MOST_BYTES // 16
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def from_stored(value: Any, remote_traceback: Any = None) -> Exception:
    """The exception of a result document, where Celery's pickle may have put the object itself."""
    if isinstance(value, Exception):
        return value
    return from_dict(to_dict(value) if isinstance(value, BaseException) else value, remote_traceback)


def from_dict(fields: Any, remote_traceback: Any = None) -> Exception:
    """The exception of a result document."""
    if not isinstance(fields, dict):
        return stand_in("", "Exception", [fields], remote_traceback)
    name, module = _name(fields.get("exc_type")) or "Exception", _name(fields.get("exc_module"))
    message = fields.get("exc_message", ())
    args = message if isinstance(message, list | tuple) else [message]
    kind = find_class(module, name)
    if kind is not None:
        try:
            error = kind(*args)
        except (Exception, SystemExit):
            pass
        else:
            if isinstance(error, Exception):
                return error
    return stand_in(module, name, args, remote_traceback)


def _name(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= _NAME_LENGTH else ""


def find_class(module: str, name: str) -> type[Exception] | None:
    """The class of that name, if its module is loaded here and it is that of an ordinary exception."""
    found: Any = vars(exceptions).get(name) if module in _OURS_TOO else None
    if found is None:
        found = sys.modules.get(module)
        if not isinstance(found, ModuleType):
            return None
        for part in name.split("."):
            # Not getattr: a module may answer that by importing something, a class by running something.
            found = vars(found).get(part)
            if not isinstance(found, type):
                return None
    return found if isinstance(found, type) and Exception in found.__mro__ else None


def stand_in(module: str, name: str, args: Any, remote_traceback: Any = None) -> exceptions.RemoteError:
    """A `RemoteError` under the name of the class that is not to be had."""
    remote_type = f"{module}.{name}" if module else name
    error = _stand_in_class(remote_type, name.rpartition(".")[2] or "Exception")(*args)
    if isinstance(remote_traceback, str):
        error.remote_traceback = remote_traceback
    return error


@lru_cache(maxsize=256)
def _stand_in_class(remote_type: str, name: str) -> type[exceptions.RemoteError]:
    known = {"remote_type": remote_type, "__module__": __name__, "__reduce__": _reduce}
    return type(name, (exceptions.RemoteError,), known)


def _reduce(self: exceptions.RemoteError) -> tuple[Any, ...]:
    """For pickle and copy, which would look for the class by its name."""
    module, _, name = self.remote_type.rpartition(".")
    return stand_in, (module, name, self.args, self.remote_traceback)
