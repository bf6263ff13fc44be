"""Results from the form in which Celery writes them down: `((id, parent), None)`, `((id, parent), [children])`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celeriac.result.sets import GroupResult
from celeriac.result.single import App, AsyncResult
from celeriac.stores.contract import Store


def result_from_tuple(written: Any, app: App | None = None, *, store: Callable[[], Store] | None = None) -> Any:
    """The `AsyncResult` or `GroupResult` of what its `as_tuple` gave; a result is itself, a text an id.

    Raises ValueError for anything else.
    """
    if isinstance(written, AsyncResult | GroupResult):
        return written
    if isinstance(written, str):
        return AsyncResult(written, store, app=app)
    try:
        head, children = written
        id, parent = (head, None) if isinstance(head, str) else head
    except (TypeError, ValueError) as error:
        raise ValueError(f"{written!r} is no result written as a tuple") from error
    above = None if not parent else result_from_tuple(parent, app, store=store)
    if children is not None:
        return GroupResult(id, [result_from_tuple(child, app, store=store) for child in children], parent=above)
    return AsyncResult(id, store, app=app, parent=above)
