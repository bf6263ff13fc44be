"""Celeriac: a distributed task queue for Python that speaks Celery's protocol."""

from celeriac import apps
from celeriac.app import Celeriac
from celeriac.result import AsyncResult, gather
from celeriac.routing import Exchange, Queue
from celeriac.shared import shared_task
from celeriac.task import Task

Celery = Celeriac
current_app: Celeriac = apps.current_app
"""The current app, whichever that is when it is used."""
current_task: Task[..., object] = apps.current_task
"""The task that runs here; false where none does."""

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
