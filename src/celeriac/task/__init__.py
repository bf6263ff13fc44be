"""Tasks: what a user writes, and what calling one does."""

from celeriac.task.task import Task

__all__ = ["Task"]
