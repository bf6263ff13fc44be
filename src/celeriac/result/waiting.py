"""Waiting for one result or many: one connection, and looks in between where somebody wants to hear."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from celeriac.exceptions import TimeoutError
from celeriac.interrupts import FROM_OUTSIDE
from celeriac.message import document
from celeriac.store.contract import ReadResults, Store


class Hooks(NamedTuple):
    """What to do while waiting, every `interval` seconds."""

    interval: float = 0.5
    on_message: Callable[[dict[str, Any]], Any] | None = None
    on_interval: Callable[[], Any] | None = None
    check: Callable[[], None] | None = None
    """May raise what ends the wait."""

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return self.on_message is None and self.on_interval is None and self.check is None


def wait_one(store: Store, id: str, timeout: float | None, hooks: Hooks) -> document.Document:
    """The final document of a task; raises `TimeoutError`."""
    if hooks.idle:
        return present(store, id, store.wait_results((id,), timeout)[0], timeout)
    ends = None if timeout is None else time.monotonic() + timeout
    last: bytes | None = None
    while True:
        left = hooks.interval if ends is None else max(0.0, min(hooks.interval, ends - time.monotonic()))
        (data,) = store.wait_results((id,), left)
        if hooks.on_message is not None:
            seen = data or store.run(ReadResults((id,)))[0]
            if seen is not None and seen != last:
                hooks.on_message(document.as_meta(store.format.read(seen), id))
            last = seen
        if data is not None or (ends is not None and time.monotonic() >= ends):
            return present(store, id, data, timeout)
        for hook in (hooks.check, hooks.on_interval):
            if hook is not None:
                hook()


def present(store: Store, id: str, data: bytes | None, timeout: float | None) -> document.Document:
    """The document, or `TimeoutError`."""
    if data is None:
        raise TimeoutError(f"no result of {id} within {timeout} s")
    return store.format.read(data)


def error_of(final: document.Document) -> BaseException:
    """What to raise for a task that failed: its exception, with the worker's traceback as a note."""
    error = final.result
    if not isinstance(error, BaseException):
        return Exception(error)
    if final.traceback and not getattr(error, "__notes__", ()):
        try:
            BaseException.add_note(error, f"\nTraceback of the worker:\n{final.traceback.rstrip()}")
        except FROM_OUTSIDE:
            raise
        except Exception:
            pass
    return error
