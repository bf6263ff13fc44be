"""Revocations: the wish that a task does not run, or stops, and what is asked about such wishes."""

from __future__ import annotations

from msgspec import Struct

from celeriac.stores.contract.request import Request

REVOKE_MEMORY_SECONDS = 10_800
"""How long a revocation is remembered unless it says otherwise; as long as a Celery worker does."""


class Revocation(Struct, frozen=True):
    """The wish that a task does not run, or stops: remembered for `seconds`.

    `result` is the document to be written where the task ends by it. With `terminate`, a child that runs the
    task already gets the signal.
    """

    task: str
    result: bytes
    terminate: bool = False
    signal: str = "SIGTERM"
    seconds: float = REVOKE_MEMORY_SECONDS


class Ended(Struct, frozen=True):
    """The tasks that were delayed and have ended now."""

    tasks: tuple[str, ...] = ()


class Revoke(Request[Ended], frozen=True):
    """Revoke tasks.

    A delayed message of the task (`delays.is_attempt`) is dropped, and the document written unless there is a
    final one. A task that has none is remembered; a later revocation of the same task replaces the earlier.
    Whoever can is told at once (`Session.on_news`).
    """

    revocations: tuple[Revocation, ...]

    @property
    def durable(self) -> bool:
        return True


class Revoked(Struct, frozen=True):
    """The revision of the store, and what is remembered, the oldest first, each with the seconds left to it."""

    revision: int
    entries: tuple[Revocation, ...] = ()


class Revocations(Request[Revoked], frozen=True):
    """The revocations remembered that raised the revision above `since`."""

    since: int = 0
