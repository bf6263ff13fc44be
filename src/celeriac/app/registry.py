"""`app.tasks`: the tasks of an app by name."""

from __future__ import annotations

from typing import Any, NoReturn

from celeriac.app.task import Task
from celeriac.exceptions import NotRegistered


class TaskRegistry(dict[str, Task[..., Any]]):
    """A dictionary that raises `NotRegistered` for a name that it does not have."""

    NotRegistered = NotRegistered

    def __missing__(self, name: str) -> NoReturn:
        raise NotRegistered(name)

    def unregister(self, name: str | Task[..., Any]) -> None:
        """Forget a task, or one of this name; raises `NotRegistered`."""
        try:
            del self[name if isinstance(name, str) else name.name]
        except KeyError:
            raise NotRegistered(name) from None

    def __reduce__(self) -> Any:
        raise TypeError("a registry of tasks belongs to its process")
