"""A verb: one request of the contract as one Redis command, and its reply read back; and what many share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec import Struct

from celeriac.stores import contract as c
from celeriac.stores.redis import layout
from celeriac.stores.redis.prefix import Prefix

Command = list[bytes]


class Place(Struct, frozen=True):
    """Which database this is, which one holds the results when it is another, how long they live."""

    db: int = 0
    results_db: int | None = None
    result_seconds: int = 86400
    dead_limit: int = c.DEAD_LETTER_LIMIT
    dead_seconds: float = c.DEAD_LETTER_SECONDS
    failed_limit: int = c.FAILED_LIMIT
    failed_seconds: float = c.FAILED_SECONDS
    prefix: Prefix = Prefix()

    @property
    def dead_ms(self) -> bytes:
        """How long dead letters live."""
        return b"%d" % (self.dead_seconds * 1000)

    def result_key(self, task: str) -> bytes:
        """The document of a task, and the channel it is published on."""
        return self.prefix.of_key(layout.result_key(task))

    @property
    def dead_bounds(self) -> tuple[bytes, bytes]:
        """How many dead letters are kept, and for how long."""
        return b"%d" % self.dead_limit, self.dead_ms

    @property
    def failed_ms(self) -> bytes:
        """How long failed tasks are kept."""
        return b"%d" % (self.failed_seconds * 1000)

    @property
    def other_db(self) -> bytes:
        """The results' database for a script: empty when it is the same."""
        return b"" if self.results_db is None else b"%d" % self.results_db


class Verb(NamedTuple):
    """One request of the contract: how it becomes a command, and how its reply is read."""

    encode: Callable[[Any, Place], Command]
    decode: Callable[[Any, Any], Any]


DELAYED_KEYS = (layout.DELAYED, layout.DELAYED_MESSAGES, layout.DELAYED_COUNTS, layout.DELAYED_IDS)
DEAD_KEYS = (layout.DEAD, layout.DEAD_LETTERS, layout.DEAD_COUNTS)


def pairs(flat: list[bytes]) -> list[tuple[bytes, bytes]]:
    """A flat reply of Redis in pairs."""
    return list(zip(flat[::2], flat[1::2], strict=True))


def read_truths(request: c.Request[Any], reply: Any) -> tuple[bool, ...]:
    """For each item whether it was done."""
    return tuple(number == 1 for number in reply)


def read_ids(request: c.Request[Any], reply: Any) -> tuple[str, ...]:
    """The ids in a reply."""
    return tuple(id.decode() for id in reply)


def holding_of(worker: bytes, claim: bytes, key: bytes, flags: bytes, raw: bytes) -> c.HeldMessage:
    """A message in a worker's hands."""
    since = int(flags.rstrip(b"s") or 0)
    return c.HeldMessage(worker.decode(), claim.decode(), layout.read_list_key(key)[0], since, raw)


def nothing(request: c.Request[Any], reply: Any) -> None:
    """A reply that says nothing."""
    return
