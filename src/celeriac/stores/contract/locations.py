"""Where a task is: in which queue, in whose hands, held back or set aside."""

from __future__ import annotations

from msgspec import Struct

from celeriac.stores.contract.request import Request


class QueuedMatch(Struct, frozen=True):
    """A message in a queue, behind so many others of it that are looked at before."""

    queue: str
    ahead: int
    raw: bytes


class HeldMessage(Struct, frozen=True):
    """A message in a worker's hands since so many milliseconds after 1970 (0 where that is not known)."""

    worker: str
    claim: str
    queue: str
    since: int
    raw: bytes


class Located(Struct, frozen=True):
    """Where an id occurs. `unseen`: the queues of which only the first messages were looked at."""

    ready: tuple[QueuedMatch, ...] = ()
    held: tuple[HeldMessage, ...] = ()
    revoked: bool = False
    unseen: tuple[str, ...] = ()


class Locate(Request[Located], frozen=True):
    """The messages, ready or claimed, in which an id occurs: a message may be the task's, or speak of it.

    Of each queue, the first `depth` messages are looked at. Delayed messages, dead letters and results have
    requests of their own. For people, not for hot paths.
    """

    task: str
    depth: int = 2000
