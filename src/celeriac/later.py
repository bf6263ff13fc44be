"""What Celery has and Celeriac has not yet, by name, and what comes of its own: said where somebody asks for it.

Each such name is an AttributeError or an ImportError as it would be anyway, with the reason in it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from os import sep
from os.path import dirname

PAGE = "docs/migration.md#what-is-not-there-yet"

_CANVAS = "signatures and workflows (canvas) come in a later version"
_SCHEDULES = "schedules (beat) come in a later version"
_SIGNALS = "signals come in a later version"
_REMOTE = "remote control and events come in a later version"
_CONNECTIONS = "connections and producers of kombu's: there are none here"

NAMES: Mapping[str, Mapping[str, str]] = {
    "task": {
        **dict.fromkeys(
            (
                *("add_to_chord", "chunks", "map", "on_replace", "replace", "s", "si", "signature"),
                *("signature_from_request", "starmap", "subtask", "subtask_from_request"),
            ),
            _CANVAS,
        ),
        "send_event": _REMOTE,
    },
    "app": {
        "Beat": _SCHEDULES,
        "add_periodic_task": _SCHEDULES,
        "amqp": _CONNECTIONS,
        "connection": _CONNECTIONS,
        "connection_for_read": _CONNECTIONS,
        "connection_for_write": _CONNECTIONS,
        "connection_or_acquire": _CONNECTIONS,
        "events": _REMOTE,
        "on_after_configure": _SIGNALS,
        "on_after_finalize": _SIGNALS,
        "on_after_fork": _SIGNALS,
        "on_configure": _SIGNALS,
        "pool": _CONNECTIONS,
        "producer_or_acquire": _CONNECTIONS,
        "producer_pool": _CONNECTIONS,
        "signature": _CANVAS,
    },
}
"""Names of a task and of an app; those of the package are in its own file."""

OPTIONS: Mapping[str, str] = {
    "batch": "calls are run one by one",
    "breaker": "nothing is held back after failures",
    "concurrency": "as many run at once as there are children",
    "unique": "each call runs; `cache_for` shares results, and one `task_id` is accepted once",
}
"""Options of tasks that are to come, and how it is without."""


def missing(text: str, where: str, name: str, thing: object = None) -> AttributeError:
    """The AttributeError for a name that is not there."""
    what = NAMES[where].get(name)
    return AttributeError(text if what is None else f"{text}: {what}; see {PAGE}", name=name, obj=thing)


def outside() -> int:
    """The `stacklevel` by which the caller's warning names the first place that is not in this package."""
    folder, level, frame = dirname(__file__) + sep, 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(folder):
        level, frame = level + 1, frame.f_back
    return level
