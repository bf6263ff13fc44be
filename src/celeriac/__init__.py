"""Celeriac: a distributed task queue for Python that speaks Celery's protocol.

The names here are loaded when they are first used: a program that asks for the version loads nothing else.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from celeriac.app import Celeriac, Celery, current_app, current_task
    from celeriac.result import AsyncResult, gather
    from celeriac.sending.routing import Exchange, Queue
    from celeriac.shared import shared_task
    from celeriac.task import Task

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
    "Exchange": "celeriac.sending.routing",
    "Queue": "celeriac.sending.routing",
    "Task": "celeriac.task",
    "current_app": "celeriac.app",
    "current_task": "celeriac.app",
    "gather": "celeriac.result",
    "shared_task": "celeriac.shared",
}


def __getattr__(name: str) -> object:
    """A name at its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
