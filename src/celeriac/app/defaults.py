"""What attributes of a task are where neither the task nor its class says it: what its app and the settings say.

As in Celery, where a task that is bound to its app shows them: `task.serializer` is `json`, not None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Otherwise:
    """An attribute that something else tells: `ask`, of the task and its `Runtime`. None for a task without app."""

    def __init__(self, ask: Callable[[Any, Any], Any]) -> None:
        self._ask = ask

    def __get__(self, task: Any, kind: type) -> Any:
        runtime = getattr(task, "_runtime", None)
        return None if task is None or runtime is None else self._ask(task, runtime)


def setting(name: str) -> Any:
    """What a setting says."""
    return Otherwise(lambda task, runtime: runtime.settings[name])


def acks(name: str) -> Any:
    """What a setting says of failures or of timeouts, else what is said of both, else yes."""

    def ask(task: Any, runtime: Any) -> Any:
        said = runtime.settings[name]
        both = task.acks_on_failure_or_timeout if said is None else said
        return True if both is None else both

    return Otherwise(ask)
