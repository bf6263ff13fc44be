"""Cached calls, whose results others may use: one call under one key at a time."""

from __future__ import annotations

from msgspec import Struct

from celeriac.stores.contract.queues import Message
from celeriac.stores.contract.request import Request

SHARE_RUN_SECONDS = 3600
"""How long a call may take and still be found under its key for as long as it wished."""


class Shared(Struct, frozen=True):
    """The call that a key stands for now: its task, its age in milliseconds, its document (None: forgotten)."""

    task: str
    age: int = 0
    document: bytes | None = None


class Share(Request[Shared], frozen=True):
    """Find the call of a key, or make this one it.

    Where the key stands for no call, or for that of the task `stale`, the message is accepted as with `Enqueue`, the
    document of `task` is written, and the key stands for `task` from now on, for `seconds` and
    `SHARE_RUN_SECONDS`. A message that is dropped, because its id was accepted before, changes nothing.
    Safe to repeat: the second time, the key stands for `task`.
    """

    key: str
    task: str
    message: Message
    document: bytes
    seconds: float
    stale: str = ""

    @property
    def messages(self) -> tuple[Message, ...]:
        """The message, as in `Enqueue`."""
        return (self.message,)

    @property
    def durable(self) -> bool:
        return True
