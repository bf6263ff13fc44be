"""The app and its tasks: what a user writes, and what calling a task does."""

from celeriac.app.app import Celeriac, Celery, current_app, current_task
from celeriac.app.task import Task

__all__ = ["Celeriac", "Celery", "Task", "current_app", "current_task"]
