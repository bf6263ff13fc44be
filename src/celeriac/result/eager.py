"""`EagerResult`: the result of a task that ran here, in place of being sent."""

from __future__ import annotations

from typing import Any, TypeVar

from celeriac import states
from celeriac.message import document
from celeriac.result.single import AsyncResult
from celeriac.stores.contract import Store

R_co = TypeVar("R_co", covariant=True)


class EagerResult(AsyncResult[R_co]):
    """A result that is there from the beginning; no store is asked. `ret_value` is the value or the exception."""

    __slots__ = ()

    supports_native_join = False

    def __init__(
        self, id: str, ret_value: Any, state: str, traceback: str | None = None, name: str | None = None
    ) -> None:
        super().__init__(id, _nowhere, name, ended=document.Document(state, ret_value, traceback, task_id=id))

    def ready(self) -> bool:
        """It is."""
        return True

    def forget(self) -> None:
        """There is nothing to delete."""

    def revoke(
        self,
        connection: Any = None,
        terminate: bool = False,
        signal: str | int | None = None,
        wait: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Only the state changes: the task has run."""
        self._final = document.Document(states.REVOKED, self.result, self.traceback, task_id=self.id)

    def __reduce__(self) -> tuple[Any, ...]:
        return EagerResult, (self.id, self.result, self.state, self.traceback, self.task_name)


def _nowhere() -> Store:
    raise RuntimeError("an eager result is in no store")
