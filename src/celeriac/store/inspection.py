"""What people ask about queues and about one task, and what they do to a queue. Part of `celeriac.store.contract`."""

from __future__ import annotations

from msgspec import Struct

from celeriac.store.request import Change, Request


class Pause(Change[None], frozen=True):
    """From now on, nothing of these queues is claimed by anybody; with `paused` false, it is again.

    What is claimed already runs. Messages go on arriving, and what is released comes back. Workers that wait
    are told. It holds until it is undone, whoever comes and goes.
    """

    queues: tuple[str, ...]
    paused: bool = True


class Peeked(Struct, frozen=True):
    """A message that is ready."""

    raw: bytes
    priority: int = 0


class Peek(Request[tuple[Peeked, ...]], frozen=True):
    """The messages of a queue that are served next, in that order; they stay there.

    At most `limit`, and no further one once `max_bytes` are reached. With `heads`, only the first of each priority.
    """

    queue: str
    limit: int = 10
    max_bytes: int = 1 << 20
    heads: bool = False


class Purge(Change[int], frozen=True):
    """Drop the first `limit` messages that are ready in a queue; how many that were."""

    queue: str
    limit: int = 10_000


class Sighting(Struct, frozen=True):
    """A message in a queue, behind so many others of it that are looked at before."""

    queue: str
    ahead: int
    raw: bytes


class Holding(Struct, frozen=True):
    """A message in a worker's hands since so many milliseconds after 1970 (0 where that is not known)."""

    worker: str
    claim: str
    queue: str
    since: int
    raw: bytes


class Located(Struct, frozen=True):
    """Where an id occurs. `unseen`: the queues of which only the first messages were looked at."""

    ready: tuple[Sighting, ...] = ()
    held: tuple[Holding, ...] = ()
    revoked: bool = False
    unseen: tuple[str, ...] = ()


class Locate(Request[Located], frozen=True):
    """The messages, ready or claimed, in which an id occurs: a message may be the task's, or speak of it.

    Of each queue, the first `depth` messages are looked at. Delayed messages, dead letters and results have
    requests of their own. For people, not for hot paths.
    """

    task: str
    depth: int = 2000
