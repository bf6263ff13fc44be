"""`AsyncResult`: a task's id and the way to its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from celeriac import states
from celeriac.exceptions import TimeoutError
from celeriac.message import document
from celeriac.revoke import revoke
from celeriac.store.contract import Forget, ReadResults, Store

R_co = TypeVar("R_co", covariant=True)


class AsyncResult(Generic[R_co]):
    """The result of a call, now or later. Asking is cheap; nothing is held open."""

    __slots__ = ("_final", "_store", "id", "task_name")

    def __init__(self, id: str, store: Callable[[], Store], task_name: str | None = None) -> None:
        self.id = id
        self.task_name = task_name
        self._store = store
        self._final: document.Document | None = None

    task_id = property(lambda self: self.id)

    def get(self, timeout: float | None = None, propagate: bool = True) -> R_co:
        """Wait for the result and return it.

        Raises the task's own exception if it failed (a `RemoteError` where its class is not to be had
        here), unless `propagate` is false: then the exception is returned. Raises `TimeoutError` after
        `timeout` seconds; the default waits for ever. Does not wait well in a task: a child that waits
        for another task occupies its slot.
        """
        if self._final is None:
            (data,) = self._store().wait_results((self.id,), timeout)
            if data is None:
                raise TimeoutError(f"no result of {self.id} within {timeout} s")
            self._final = document.read(data)
        value: R_co = self._value(self._final, propagate)
        return value

    def _value(self, final: document.Document, propagate: bool) -> Any:
        if propagate and final.status in states.PROPAGATE_STATES and isinstance(final.result, BaseException):
            raise final.result
        return final.result

    def _read(self) -> document.Document:
        if self._final is not None:
            return self._final
        (data,) = self._store().run(ReadResults((self.id,)))
        found = document.Document() if data is None else document.read(data)
        if found.status in states.READY_STATES:
            self._final = found
        return found

    @property
    def state(self) -> str:
        """The state as Celery names it; `PENDING` for an id that nothing is known of."""
        return self._read().status

    status = state

    @property
    def result(self) -> Any:
        """The value, the exception, or what a task said of its progress; None while there is nothing."""
        return self._read().result

    info = result

    @property
    def traceback(self) -> str | None:
        """The traceback of the worker, as text."""
        return self._read().traceback

    def ready(self) -> bool:
        """Whether the task has ended."""
        return self._read().status in states.READY_STATES

    def successful(self) -> bool:
        """Whether the task ended with a value."""
        return self._read().status == states.SUCCESS

    def failed(self) -> bool:
        """Whether the task ended with an exception."""
        return self._read().status == states.FAILURE

    def revoke(self, terminate: bool = False, signal: str | int | None = None) -> None:
        """Let the task not run; with `terminate`, also end it if it runs. See `app.control.revoke`."""
        revoke(self._store(), (self.id,), terminate, signal)

    def forget(self) -> None:
        """Delete the result."""
        self._final = None
        self._store().run(Forget((self.id,)))

    def __repr__(self) -> str:
        return f"<AsyncResult: {self.id}>"

    def __str__(self) -> str:
        return self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AsyncResult) and other.id == self.id


def gather(results: list[AsyncResult[R_co]], timeout: float | None = None, propagate: bool = True) -> list[R_co]:
    """The values of many results, over one connection; as `AsyncResult.get` for each."""
    missing = [result for result in results if result._final is None]
    if missing:
        found = missing[0]._store().wait_results(tuple(result.id for result in missing), timeout)
        for result, data in zip(missing, found, strict=True):
            if data is None:
                raise TimeoutError(f"no result of {result.id} within {timeout} s")
            result._final = document.read(data)
    return [result._value(result._final, propagate) for result in results if result._final is not None]
