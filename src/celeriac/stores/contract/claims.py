"""Claims: what a worker holds, and every way in which it ends."""

from __future__ import annotations

from msgspec import Struct

from celeriac.stores.contract.dead_letters import DeadLetter
from celeriac.stores.contract.queues import Message
from celeriac.stores.contract.request import Request
from celeriac.stores.contract.workers import Lease
from celeriac.stores.contract.workflows import Slot


class Claim(Struct, frozen=True):
    """A message in a worker's hands. `started`: user code may have seen it and must not see it again."""

    id: str
    queue: str
    raw: bytes
    priority: int = 0
    started: bool = False


class Outcome(Struct, frozen=True):
    """What a claim ended as: everything here happens with the end of the claim, or nothing does."""

    claim: str
    task: str = ""
    result: bytes | None = None
    successors: tuple[Message, ...] = ()
    slot: Slot | None = None
    dead: DeadLetter | None = None
    clears: str = ""
    """The chord whose slots are no longer needed."""


class Return(Struct, frozen=True):
    """A claim given back; `raw`, where given, replaces the message (it counts a crash, say)."""

    claim: str
    raw: bytes | None = None


class Deferral(Struct, frozen=True):
    """A claim put among the delayed: due at `due`, in milliseconds since 1970, under `id`."""

    claim: str
    id: str
    due: int
    raw: bytes | None = None


class Finished(Struct, frozen=True):
    """`lost`: claims that were no longer held. `next_due`: milliseconds until a delayed message is due, or -1.

    `revision`: that of the store's revocations when the claims were taken.
    """

    lost: tuple[str, ...]
    claims: tuple[Claim, ...]
    next_due: int = -1
    revision: int = 0


class Finish(Request[Finished], frozen=True):
    """End claims and take new ones in the same step; with no outcomes it is a plain claim.

    For each outcome whose claim is held: the claim ends, the result is written, successors are enqueued,
    the slot is filled. The slot that completes a chord leaves a claim of `ADVANCE_QUEUE` (its message is
    the chord's name) with the finishing worker. New claims take the numbers from `first` on: first the
    advances, then up to `count` messages in the order of `queues`, and no further message once `max_bytes`
    are reached (one message is always given, however large). A small overshoot is allowed.
    """

    lease: Lease
    outcomes: tuple[Outcome, ...] = ()
    queues: tuple[str, ...] = ()
    count: int = 0
    max_bytes: int = 1 << 20
    first: int = 0

    @property
    def durable(self) -> bool:
        return bool(self.outcomes)

    @property
    def repeatable(self) -> bool:
        return False


class LostClaims(Struct, frozen=True):
    """Claims named in the request that were no longer held; nothing was done for them."""

    lost: tuple[str, ...] = ()


class StartItem(Struct, frozen=True):
    """A claim about to run, or running: `result` is a document of it, `once` that it must never run again."""

    claim: str
    task: str = ""
    result: bytes | None = None
    once: bool = False


class Start(Request[LostClaims], frozen=True):
    """Write documents of claims, before they begin or while they run; mark as `started` those that run once."""

    lease: Lease
    begins: tuple[StartItem, ...]

    @property
    def durable(self) -> bool:
        return any(begin.once for begin in self.begins)


class Release(Request[LostClaims], frozen=True):
    """Give claims back, the first one named served first."""

    lease: Lease
    returns: tuple[Return, ...]

    @property
    def repeatable(self) -> bool:
        return False


class Defer(Request[LostClaims], frozen=True):
    """Turn claims into delayed messages."""

    lease: Lease
    deferrals: tuple[Deferral, ...]

    @property
    def repeatable(self) -> bool:
        return False


class WaitReply(Struct, frozen=True):
    """Claims taken while waiting, and the revision as in `Finished`."""

    claims: tuple[Claim, ...]
    revision: int = 0
