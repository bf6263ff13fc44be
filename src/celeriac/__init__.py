"""Celeriac: a distributed task queue for Python that speaks Celery's protocol."""

from celeriac.app import Celeriac
from celeriac.result import AsyncResult, gather
from celeriac.task import Task

Celery = Celeriac

__version__ = "0.1.0"
__all__ = ["AsyncResult", "Celeriac", "Celery", "Task", "__version__", "gather"]
