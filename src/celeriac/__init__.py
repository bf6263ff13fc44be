"""Celeriac: a distributed task queue for Python that speaks Celery's protocol.

The names here are loaded when they are first used: a program that asks for the version loads nothing else.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from celeriac.app import Celeriac, Celery, Task, current_app, current_task
    from celeriac.app.shared import shared_task
    from celeriac.calls.routing import Exchange, Queue
    from celeriac.result import AsyncResult, gather

__version__ = "0.1.0"
__all__ = [
    "AsyncResult",
    "Celeriac",
    "Celery",
    "Exchange",
    "Queue",
    "Task",
    "__version__",
    "current_app",
    "current_task",
    "gather",
    "shared_task",
]

_HOMES = {
    "AsyncResult": "celeriac.result",
    "Celeriac": "celeriac.app",
    "Celery": "celeriac.app",
    "Exchange": "celeriac.calls.routing",
    "Queue": "celeriac.calls.routing",
    "Task": "celeriac.app",
    "current_app": "celeriac.app",
    "current_task": "celeriac.app",
    "gather": "celeriac.result",
    "shared_task": "celeriac.app.shared",
}

_LATER = {
    "workflows (canvas)": (
        *("Signature", "canvas", "chain", "chord", "chunks", "group", "maybe_signature", "signature", "subtask"),
        *("xmap", "xstarmap"),
    ),
    "schedules (beat)": ("beat", "schedules"),
    "signals": ("signals",),
    "remote control and events": ("events",),
    "testing kits": ("contrib",),
}
"""Names and modules of Celery's that are not there yet, by what they belong to."""


def _why(name: str) -> str:
    for what, names in _LATER.items():
        if name in names:
            return f": {what} will come with a later version; see docs/migration.md#what-is-not-there-yet"
    return ""


def __getattr__(name: str) -> object:
    """A name at its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{_why(name)}", name=name)
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


class _Finder:
    """Says of what is imported from here why it is not there yet; asked last, when nobody else has found it."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        package, _, part = name.partition(".")
        reason = _why(part) if package == "celeriac" else ""
        if reason:
            # With a name, `from celeriac import ...` would put a text of its own in place of this one.
            raise ModuleNotFoundError(f"there is no {name} yet{reason}")


sys.meta_path.append(_Finder)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
