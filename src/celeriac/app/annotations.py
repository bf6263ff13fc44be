"""`task_annotations`: attributes that settings give to tasks. Pure.

Source: Celery docs, userguide/configuration, `task_annotations`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Protocol

from celeriac.exceptions import ImproperlyConfigured


class Named(Protocol):
    """A task."""

    name: str


def annotations_for(setting: Any, task: Named) -> Iterator[dict[str, Any]]:
    """The attributes that a setting gives to a task, those for all tasks last, as in Celery.

    The setting is a dictionary by name (`*` for all), an object with `annotate(task)` or `annotate_any()`, such
    a class by its dotted name, a function of the task, or a list of these; of several, the first that has
    something to say of the task counts.
    """
    if setting is None:
        return
    listed = [_loaded(each) for each in (setting if isinstance(setting, list | tuple) else (setting,))]
    for ask in (_own, _general):
        found = next((found for each in listed if (found := ask(each, task))), None)
        if found:
            yield dict(found)


def _own(annotation: Any, task: Named) -> Any:
    if isinstance(annotation, Mapping):
        return annotation.get(task.name)
    if hasattr(annotation, "annotate"):
        return annotation.annotate(task)
    return annotation(task) if callable(annotation) else None


def _general(annotation: Any, task: Named) -> Any:
    if isinstance(annotation, Mapping):
        return annotation.get("*")
    return annotation.annotate_any() if hasattr(annotation, "annotate_any") else None


def _loaded(annotation: Any) -> Any:
    if not isinstance(annotation, str):
        return annotation
    module, _, name = annotation.replace(":", ".").rpartition(".")
    try:
        return getattr(import_module(module), name)()
    except (ImportError, AttributeError, ValueError) as error:
        raise ImproperlyConfigured(f"task_annotations: there is no {annotation!r}: {error}") from error
