"""Dead letters: what is kept of a message that was set aside, and what can be asked about them.

A letter is kept under the id of its message, and under that
with `#2`, `#3` ... behind it where another has that word: none replaces another. No more than `dead_letter_limit`
are kept, and none for longer than `dead_letter_expires`; the oldest go first.

What is kept of a task that failed, so that it can be run again, is a letter with `failed` set. Those are kept apart:
under ids, bounds (`failed_limit`, `failed_expires`) and counts of their own, and asked for with `failed`.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec import Struct

from celeriac.stores.contract.request import Change, Request

DEAD_LETTER_LIMIT = 10_000
"""How many dead letters a store keeps unless it is told otherwise."""


DEAD_LETTER_SECONDS = 30 * 86_400.0
"""And for how long."""


FAILED_LIMIT = 10_000
"""How many failed tasks a store keeps for being run again, unless it is told otherwise."""


FAILED_SECONDS = 86_400.0
"""And for how long."""


class Cause(StrEnum):
    """Why a message was set aside."""

    MALFORMED = "malformed"
    """It is no task message, or its body cannot be read."""
    UNKNOWN = "unknown"
    """No worker knew the task."""
    REJECTED = "rejected"
    """The task said so (`Reject`)."""
    CRASHED = "crashed"
    """The child running it died, too often or once too often for a task that runs at most once."""
    REFUSED = "refused"
    """The store did not take what the task ended with, or could not put the message into its queue."""
    LOST = "lost"
    """The worker running it died or lost its lease, and the task runs at most once."""
    FAILED = "failed"
    """The task raised, and was told to keep what fails."""
    TIME_LIMIT = "time limit"
    REVOKED = "revoked"
    OTHER = "other"
    """Letters from before causes were kept."""


class Attempt(Struct, frozen=True, omit_defaults=True):
    """One run of a task that ended badly: when, in seconds since 1970, on which worker, and how."""

    when: float
    worker: str = ""
    error: str = ""
    traceback: str = ""


class DeadLetter(Struct, frozen=True, omit_defaults=True):
    """A message set aside for a person: why, and the bytes as they were.

    `error` is the class that was raised, `place` where: `file:line in function`. `signal` and `memory` (bytes)
    are those of a process at its death. `failed`: the message has come to its end, a failure. `when` (seconds since
    1970) and `number` (a larger one is newer) are the store's: it fills them in.
    """

    id: str
    queue: str
    raw: bytes
    reason: str
    priority: int = 0
    cause: Cause = Cause.OTHER
    task: str = ""
    worker: str = ""
    signal: str = ""
    memory: int = 0
    error: str = ""
    place: str = ""
    attempts: tuple[Attempt, ...] = ()
    failed: bool = False
    when: float = 0.0
    number: int = 0

    @property
    def fingerprint(self) -> str:
        """What letters of the same error have in common."""
        return fingerprint(self.task, self.error or self.cause, self.place)


def fingerprint(task: str, error: str, place: str) -> str:
    """A short name for one error of one task at one place."""
    from hashlib import blake2b

    return blake2b("\n".join((task, error, place)).encode("utf-8", "replace"), digest_size=5).hexdigest()


def sanitized(letter: DeadLetter) -> DeadLetter:
    """The letter in text that can be written: errors of users hold lone surrogates, as names of files have them."""
    attempts = tuple(Attempt(one.when, *map(_plain, (one.worker, one.error, one.traceback))) for one in letter.attempts)
    texts = {name: getattr(letter, name) for name in _TEXTS}
    return msgspec.structs.replace(letter, **{name: _plain(text) for name, text in texts.items()}, attempts=attempts)


_TEXTS = ("id", "queue", "reason", "task", "worker", "signal", "error", "place")


def _plain(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def pack(letter: DeadLetter) -> bytes:
    """All of a letter but its id, its queue and its message, on one line."""
    return msgspec.json.encode(msgspec.structs.replace(letter, id="", queue="", raw=b"", when=0.0, number=0))


def unpack(id: str, queue: str, raw: bytes, packed: bytes, when: float, number: int) -> DeadLetter:
    """The letter again; what the first version kept was the reason alone."""
    try:
        letter = _read(packed)
    except msgspec.DecodeError:
        letter = DeadLetter("", "", b"", packed.decode(errors="replace"))
    return msgspec.structs.replace(letter, id=id, queue=queue, raw=raw, when=when, number=number)


_read = msgspec.json.Decoder(DeadLetter).decode


class DeadLetters(Request[tuple[DeadLetter, ...]], frozen=True):
    """A page of the letters, the newest first: those that follow the one of the number `after`.

    At most `limit`, and no further one once `max_bytes` of messages are reached. An empty page is the end.
    """

    limit: int = 100
    after: int = 0
    max_bytes: int = 1 << 24
    failed: bool = False


class ReadDead(Request[DeadLetter | None], frozen=True):
    """One letter."""

    id: str
    failed: bool = False


class ReplayItem(Struct, frozen=True):
    """A letter on its way back: its id, the message, where to, and the task whose result is no longer true."""

    id: str
    raw: bytes
    queue: str
    priority: int = 0
    task: str = ""


class Replay(Change[tuple[str, ...]], frozen=True):
    """Put letters at the back of their queues and forget the results; those that were there.

    A letter is replayed once, however many ask for it.
    """

    revivals: tuple[ReplayItem, ...]
    failed: bool = False


class DeleteDeadLetters(Change[tuple[str, ...]], frozen=True):
    """Delete letters; those that were there."""

    ids: tuple[str, ...]
    failed: bool = False
