"""`app.control`: what is said to all workers at once, under Celery's names."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from celeriac.control.revoke import revoke
from celeriac.stores.contract import Store


class Control:
    """Tells workers what to do. It goes through the store, so a worker that is away hears it when it is back."""

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store

    def revoke(
        self, task_id: str | Iterable[str], *, terminate: bool = False, signal: str | int | None = None
    ) -> tuple[str, ...]:
        """Let tasks not run, by one id or several; returns those that were delayed, which have ended at once.

        One that waits in a queue ends as REVOKED when a worker comes to it. One that runs goes on, unless
        `terminate` is given: then the child running it gets `signal` (SIGTERM). The store remembers a
        revocation for three hours. Raises `OperationalError` when the store cannot be reached.
        """
        ids = [task_id] if isinstance(task_id, str) else [str(id) for id in task_id]
        return revoke(self._store(), ids, terminate, signal)

    def terminate(self, task_id: str | Iterable[str], *, signal: str | int | None = None) -> tuple[str, ...]:
        """Revoke tasks, and end those that run: `revoke` with `terminate`."""
        return self.revoke(task_id, terminate=True, signal=signal)
