"""Exceptions as data and back, in Celery's form `{exc_type, exc_message, exc_module}`.

Reading never imports a module and never calls anything but an exception class that this process has
loaded already (the hole of CVE-2021-23727 was a result that named `os.system`). A class that is not
here comes back as `RemoteError`.
"""

from __future__ import annotations

import sys
from typing import Any

from celeriac import exceptions
from celeriac.message import values

_CELERY_NAMES = frozenset(
    {"MaxRetriesExceededError", "NotRegistered", "Retry", "Ignore", "Reject", "TaskRevokedError", "TimeoutError"}
)
"""Classes that Celery has too: written under its module, so that its clients find their own."""

_BILLIARD_NAMES = frozenset({"WorkerLostError", "TimeLimitExceeded", "SoftTimeLimitExceeded"})
"""Those it has from billiard."""


def to_dict(error: BaseException) -> dict[str, Any]:
    """An exception as plain data; arguments that cannot be encoded become their `repr`."""
    kind = type(error)
    module = kind.__module__
    if module == exceptions.__name__:
        if kind.__name__ in _CELERY_NAMES:
            module = "celery.exceptions"
        elif kind.__name__ in _BILLIARD_NAMES:
            module = "billiard.exceptions"
    return {"exc_type": kind.__qualname__, "exc_message": [_safe(item) for item in error.args], "exc_module": module}


def _safe(value: Any) -> Any:
    try:
        values.encode(value)
    except (exceptions.UnencodableValue, Exception):
        return values.short_repr(value)
    return value


def from_dict(fields: Any) -> BaseException:
    """The exception of a result document."""
    if isinstance(fields, BaseException):
        return fields
    if not isinstance(fields, dict):
        return _stand_in("Exception", [fields])
    name, module = str(fields.get("exc_type", "Exception")), fields.get("exc_module")
    message = fields.get("exc_message", ())
    args = message if isinstance(message, list | tuple) else [message]
    kind = find_class(str(module), name)
    if kind is not None:
        try:
            return kind(*args)
        except Exception:
            return _stand_in(f"{module}.{name}", args)
    return _stand_in(f"{module}.{name}" if module else name, args)


def find_class(module: str, name: str) -> type[BaseException] | None:
    """The exception class of that name, if its module is loaded here and it is one."""
    if module in ("celery.exceptions", "billiard.exceptions"):
        found: Any = getattr(exceptions, name, None) or sys.modules.get(module)
    else:
        found = sys.modules.get(module)
    if not isinstance(found, type):
        for part in name.split("."):
            # Not getattr: a module may answer that by importing something.
            found = getattr(found, "__dict__", {}).get(part)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def _stand_in(remote_type: str, args: Any) -> exceptions.RemoteError:
    error = exceptions.RemoteError(*args)
    error.remote_type = remote_type
    return error
