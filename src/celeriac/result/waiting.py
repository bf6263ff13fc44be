"""Waiting for one result or many: one connection, and looks in between where somebody wants to hear.

Who waits in vain is told so: that no worker serves the queue, in the `TimeoutError`, and where there is no timeout in
a warning after a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from celeriac.exceptions import OperationalError, Refused, TimeoutError
from celeriac.interrupts import FROM_OUTSIDE
from celeriac.message import document
from celeriac.stores.contract import ReadResults, Store

PATIENCE_SECONDS = 5.0
"""After how long without a result, and without a timeout, somebody is asked whether a worker is there."""
_WORTH_SECONDS = 1.0
"""With a shorter timeout somebody polls: the store is not asked for the reason, each time anew."""


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


def wait_one(store: Store, id: str, timeout: float | None, hooks: Hooks, name: str | None = None) -> document.Document:
    """The final document of a task; raises `TimeoutError`. `name` is the task's, for a warning."""
    if hooks.idle:
        data: bytes | None = None
        if timeout is None:
            data = _look(store, id, PATIENCE_SECONDS)
            if data is None:
                warn(store, id, name)
        return present(store, id, data or store.wait_results((id,), timeout)[0], timeout)
    begun = time.monotonic()
    ends = None if timeout is None else begun + timeout
    warns_at = begun + PATIENCE_SECONDS if timeout is None else None
    last: bytes | None = None
    while True:
        left = hooks.interval if ends is None else max(0.0, min(hooks.interval, ends - time.monotonic()))
        data = _look(store, id, left, ends)
        if hooks.on_message is not None:
            seen = data or store.run(ReadResults((id,)))[0]
            if seen is not None and seen != last:
                hooks.on_message(document.as_meta(store.format.read(seen), id))
            last = seen
        if data is not None or (ends is not None and time.monotonic() >= ends):
            return present(store, id, data, timeout)
        if warns_at is not None and time.monotonic() >= warns_at:
            warns_at = None
            warn(store, id, name)
        for hook in (hooks.check, hooks.on_interval):
            if hook is not None:
                hook()


def _look(store: Store, id: str, seconds: float, ends: float | None = None) -> bytes | None:
    """The document if it comes within so many seconds. Before the end of the wait a store may be away."""
    if ends is not None and time.monotonic() + seconds >= ends:
        return store.wait_results((id,), seconds)[0]
    data: bytes | None = None
    with _outliving():
        (data,) = store.wait_results((id,), seconds)
    return data


@contextmanager
def _outliving() -> Iterator[None]:
    """Pass over a store that is away, but not over one that refuses."""
    try:
        yield
    except Refused:
        raise
    except OperationalError:
        pass


async def await_one(store: Store, id: str, timeout: float | None, name: str | None = None) -> document.Document:
    """The same from an event loop."""
    import asyncio

    data: bytes | None = None
    if timeout is None:
        with _outliving():
            (data,) = await store.await_results((id,), PATIENCE_SECONDS)
        if data is None:
            await asyncio.to_thread(warn, store, id, name)
    if data is None:
        (data,) = await store.await_results((id,), timeout)
    if data is None:
        why = await asyncio.to_thread(_why, store, id, timeout)
        raise TimeoutError(f"no result of {id} within {timeout} s{why}")
    return store.format.read(data)


def present(store: Store, id: str, data: bytes | None, timeout: float | None) -> document.Document:
    """The document, or `TimeoutError`."""
    if data is None:
        raise TimeoutError(f"no result of {id} within {timeout} s{_why(store, id, timeout)}")
    return store.format.read(data)


def _why(store: Store, id: str, timeout: float | None) -> str:
    from celeriac.control.workers import nobody_serves

    reason = nobody_serves(store, id) if timeout is None or timeout >= _WORTH_SECONDS else ""
    return f": {reason}" if reason else ""


def warn(store: Store, id: str, name: str | None) -> None:
    """Say that somebody waits in vain, if so it is."""
    import logging

    from celeriac.control.workers import nobody_serves

    reason = nobody_serves(store, id)
    if reason:
        logging.getLogger("celeriac").warning(
            "waiting for %s[%s] since %g s: %s", name or "task", id, PATIENCE_SECONDS, reason
        )


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
