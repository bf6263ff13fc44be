"""The store contract: the one place where truth changes.

A *store* is one technology that holds queues, claims, delayed tasks, results and dead letters together, so
that one step can change all of them or none. Everything a store does is a *request*: plain data that says
what should become true, answered by a *reply*. A request is atomic: it happens entirely or not at all, and
no other request is seen in between.

**Ownership.** A worker opens a *lease* under a fresh epoch. Whatever it claims gets a *claim id*
`<epoch>:<number>`, unique per delivery; that id is the fencing token. The worker reserves the numbers
itself when it sends the request, so two requests under way cannot collide, and a repeated request asks for
numbers that were never used. A request that names a lease which is not open raises `LeaseLost` and changes
nothing. An item whose claim id is no longer held has no effect at all: no result, no successor, no slot.

**Ends of a lease.** `CloseLease` ends it in order. `Reap` ends another's lease: the claims move, under new
ids, to the reaper, which then releases or finishes them like its own. A store either knows by itself who
is dead (`Peer.dead` true or false) or it counts beats and leaves the judgement to `lease.Watch`.

**Revocations.** A delayed message of a revoked task ends at once. Any other is remembered, and raises the
store's *revision*. Every reply that hands claims to a worker tells the revision at the moment of the claim; a
worker that knows an earlier one asks for the `Revocations` in between before it begins any of them. So what
was revoked before it was claimed does not run.

**Time.** Delays are counted on the store's clock, in milliseconds. No clock of a worker decides anything.

**Order.** Within a queue, a smaller priority is first, then the message enqueued earlier. What is released
goes to the front, whatever waits behind it.

**Shared calls.** A key stands for at most one call at a time (`sharing.Share`), so that of many equal calls one runs.

**Pauses.** Of a paused queue nothing is claimed (`inspection.Pause`), by whomever; all else about it goes on.

The memory store (`celeriac.stores.memory`) is this page in code; `celeriac.testing.conformance` is this
page as tests, for every store, ours or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Protocol, TypeVar

from msgspec import Struct

from celeriac.message.final import is_final
from celeriac.message.format import Format
from celeriac.store.delays import (
    AdjustDelayed,
    Adjustment,
    CancelDelayed,
    Cancellation,
    Delayed,
    DelayedMessage,
    DelayedPage,
    ReadDelayed,
)
from celeriac.store.groups import DropGroup, ReadGroup, SaveGroup
from celeriac.store.inspection import Holding, Locate, Located, Pause, Peek, Peeked, Purge, Sighting
from celeriac.store.letters import Attempt, Cause, DeadLetter, DeadLetters, DropDead, ReadDead, Replay, Revival
from celeriac.store.messages import Message
from celeriac.store.peers import REAPED, Lease, Peer, Survey, Tally, TaskTally, WorkerRecord, WorkerSight
from celeriac.store.request import Request
from celeriac.store.sharing import SHARE_RUN_SECONDS, Share, Shared

# What stands in rooms beside (messages, leases, shared calls, groups, what people ask) belongs here like the rest.
__all__ = [
    "REAPED",
    "SHARE_RUN_SECONDS",
    "AdjustDelayed",
    "Adjustment",
    "Attempt",
    "CancelDelayed",
    "Cancellation",
    "Cause",
    "DeadLetter",
    "DeadLetters",
    "Delayed",
    "DelayedMessage",
    "DelayedPage",
    "DropDead",
    "DropGroup",
    "Holding",
    "Lease",
    "Locate",
    "Located",
    "Message",
    "Note",
    "Pause",
    "Peek",
    "Peeked",
    "Peer",
    "Purge",
    "ReadDead",
    "ReadDelayed",
    "ReadGroup",
    "Replay",
    "Request",
    "Revival",
    "SaveGroup",
    "Share",
    "Shared",
    "Sighting",
    "Survey",
    "Tally",
    "TaskTally",
    "WorkerRecord",
    "WorkerSight",
    "is_final",
]

R = TypeVar("R")

ADVANCE_QUEUE = "celeriac.advance"
"""The queue of chords that are complete and whose body is not yet enqueued; every worker serves it."""

REVOKE_MEMORY_SECONDS = 10_800
"""How long a revocation is remembered unless it says otherwise; as long as a Celery worker does."""

DEAD_LETTER_LIMIT = 10_000
"""How many dead letters a store keeps unless it is told otherwise."""

DEAD_LETTER_SECONDS = 30 * 86_400.0
"""And for how long."""

FAILED_LIMIT = 10_000
"""How many failed tasks a store keeps for being run again, unless it is told otherwise."""

FAILED_SECONDS = 86_400.0
"""And for how long."""

ENQUEUE_MEMORY_SECONDS = 300
"""A store remembers an accepted message id at least this long, and at most twice as long."""


class Durability(StrEnum):
    """What survives the loss of power of the machine that holds the store."""

    NONE = "nothing"
    SECONDS = "all but the last seconds"
    COMMIT = "every accepted request"
    REPLICATED = "every accepted request, on more than one machine"


class Claim(Struct, frozen=True):
    """A message in a worker's hands. `started`: user code may have seen it and must not see it again."""

    id: str
    queue: str
    raw: bytes
    priority: int = 0
    started: bool = False


class Slot(Struct, frozen=True):
    """One member's value of a chord of `size` members; the first value of an index stays."""

    chord: str
    index: int
    size: int
    value: bytes


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


class Enqueued(Struct, frozen=True):
    """Which of the messages were new; the others had been accepted before."""

    fresh: tuple[bool, ...]


class Enqueue(Request[Enqueued], frozen=True):
    """Accept messages. Safe to repeat with the same ids within `ENQUEUE_MEMORY_SECONDS`."""

    messages: tuple[Message, ...]

    @property
    def durable(self) -> bool:
        return True


class OpenLease(Request[None], frozen=True):
    """Begin a lease. Opening an open lease again changes nothing."""

    lease: Lease
    record: WorkerRecord


class CloseLease(Request[None], frozen=True):
    """End a lease in order; what it still holds goes back to the front of its queues."""

    lease: Lease

    @property
    def repeatable(self) -> bool:
        return False


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


class Lost(Struct, frozen=True):
    """Claims named in the request that were no longer held; nothing was done for them."""

    lost: tuple[str, ...] = ()


class Begin(Struct, frozen=True):
    """A claim about to run, or running: `result` is a document of it, `once` that it must never run again."""

    claim: str
    task: str = ""
    result: bytes | None = None
    once: bool = False


class Start(Request[Lost], frozen=True):
    """Write documents of claims, before they begin or while they run; mark as `started` those that run once."""

    lease: Lease
    begins: tuple[Begin, ...]

    @property
    def durable(self) -> bool:
        return any(begin.once for begin in self.begins)


class Release(Request[Lost], frozen=True):
    """Give claims back, the first one named served first."""

    lease: Lease
    returns: tuple[Return, ...]

    @property
    def repeatable(self) -> bool:
        return False


class Defer(Request[Lost], frozen=True):
    """Turn claims into delayed messages."""

    lease: Lease
    deferrals: tuple[Deferral, ...]

    @property
    def repeatable(self) -> bool:
        return False


class Promoted(Struct, frozen=True):
    """How many delayed messages became ready, and when the next is due (as in `Finished`)."""

    count: int
    next_due: int = -1


class Promote(Request[Promoted], frozen=True):
    """Move delayed messages that are due into their queues, at most `limit` of them."""

    limit: int = 256


class Beaten(Struct, frozen=True):
    """The leases that are open, one's own included; the rest as in `Finished`."""

    peers: tuple[Peer, ...]
    next_due: int = -1
    revision: int = 0


class Beat(Request[Beaten], frozen=True):
    """Show that the holder of the lease lives, and look at the others. A tally is written down for a `Survey`."""

    lease: Lease
    tally: Tally | None = None


class Reaped(Struct, frozen=True):
    """What the dead worker held, now claims of the reaper; empty when it turned out to live."""

    claims: tuple[Claim, ...] = ()


class Reap(Request[Reaped], frozen=True):
    """End the lease of a dead peer and take its claims over, under numbers from `first` on.

    Compare and set: nothing happens unless the peer's epoch and beat are those observed, or the store
    itself knows better. Never more than `limit` claims at once. The first such request closes the lease, so that
    whoever held it and wakes up begins nothing that has moved: what is left is kept under the epoch with `REAPED`
    behind it, shown as dead, until it is reaped as well or another lease of that worker begins.
    """

    lease: Lease
    peer: Peer
    first: int
    limit: int = 1024

    @property
    def repeatable(self) -> bool:
        return False


class Reconciled(Struct, frozen=True):
    """`unknown`: claims held here that the caller does not know of. `missing`: known to it, not held."""

    unknown: tuple[Claim, ...]
    missing: tuple[str, ...]


class Reconcile(Request[Reconciled], frozen=True):
    """Compare the claims a worker believes it holds with those it does hold, after a reply was lost."""

    lease: Lease
    known: tuple[str, ...]


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


class ReadResults(Request[tuple[bytes | None, ...]], frozen=True):
    """The result documents of tasks, None where there is none."""

    tasks: tuple[str, ...]


class Note(Request[None], frozen=True):
    """Write the document of a task that no worker speaks for, unless it has a final one."""

    task: str
    document: bytes

    @property
    def durable(self) -> bool:
        return True


class Forget(Request[None], frozen=True):
    """Delete result documents."""

    tasks: tuple[str, ...]


class ReadSlots(Request[tuple[bytes | None, ...]], frozen=True):
    """The values of a chord, by index."""

    chord: str
    size: int


class QueueStats(Struct, frozen=True):
    """How many messages a queue holds: ready, held back, in workers' hands, set aside; whether it is paused.

    `failed`: how many tasks that came from it have failed and are kept.
    """

    queue: str
    ready: int = 0
    delayed: int = 0
    claimed: int = 0
    dead: int = 0
    paused: bool = False
    failed: int = 0


class Stats(Request[tuple[QueueStats, ...]], frozen=True):
    """Count what is in queues; with none named, in all that the store knows."""

    queues: tuple[str, ...] = ()


class Handed(Struct, frozen=True):
    """Claims taken while waiting, and the revision as in `Finished`."""

    claims: tuple[Claim, ...]
    revision: int = 0


class Session(Protocol):
    """A worker's own door to a store, used from one event loop.

    `LeaseLost` and `Refused` are answers: nothing has happened, and the session goes on. Any other error ends it: the
    request may or may not have happened. The worker then connects anew and reconciles.
    """

    on_news: Callable[[], None]
    """Called when something was revoked and, by a store that can, when a lease was opened: beat now.

    The sooner a peer is known, the sooner it is missed.
    """

    async def call(self, request: Request[R]) -> R:
        """Perform a request."""

    async def wait(self, queues: tuple[str, ...], count: int) -> Handed | None:
        """Return when a queue may have something, or a delayed message may have become the next one due.

        A store that can hand messages over in the same step returns up to about `count` claims, none when
        it got tired of waiting; None means: something may be there, claim it yourself. Missing a message for
        longer than a beat is not allowed.
        """

    def reserve(self, count: int) -> int:
        """The first of `count` claim numbers never given out before in this lease."""

    async def stop_waiting(self) -> None:
        """Make a `wait` under way return soon, with what had been handed over meanwhile."""

    async def close(self) -> None:
        """Drop the connection. The lease stays open until it is closed or reaped."""


class Adopted(Struct, frozen=True):
    """How many messages were given back to their queues, had not been held for long enough, and had to stay.

    These are no tasks, or the key of their queue is no list.
    """

    adopted: int
    young: int = 0
    left: int = 0


class Kombu(Protocol):
    """What Celery's workers keep of their own in a store that is also a broker of theirs."""

    def consumers(self) -> tuple[str, ...]:
        """The addresses from which Celery's workers seem to be connected."""

    def adopt(self, older: float) -> Adopted:
        """Give back what they have held for at least so many seconds, whoever holds it."""

    def unland(self) -> int:
        """Bring what the store keeps beside Celery's lists back into them; how many messages that were."""


class Store(Protocol):
    """The door for everyone but a worker's core: producers, results, commands."""

    url: str
    lease_seconds: float
    """After how long without a beat a worker may be reaped."""
    beat_seconds: float
    """How often a worker beats; infinite leases (known by the system) still look around this often."""
    expiring: bool
    """Whether a lease ends by time. Where the store sees death itself it does not."""
    shared: bool
    """Whether another process can open the same store."""
    format: Format
    """How documents are written and read by those who use this store; the store itself takes any bytes."""

    @property
    def kombu(self) -> Kombu | None:
        """What Celery keeps here; None where it cannot be."""

    def run(self, request: Request[R], *, deadline: float | None = None) -> R:
        """Perform a request, from any thread; retried until `deadline` seconds if it is safe to repeat."""

    def run_many(self, requests: Iterable[Request[R]], *, deadline: float | None = None) -> list[R]:
        """Perform requests in order, each as with `run`; the next may be made and sent before the last is answered.

        Raises at the first that fails: what came before it is done, what comes after is not.
        """

    async def arun(self, request: Request[R], *, deadline: float | None = None) -> R:
        """The same, from an event loop."""

    def wait_results(
        self, tasks: tuple[str, ...], timeout: float | None, least: int | None = None
    ) -> tuple[bytes | None, ...]:
        """The documents of tasks once all are final, or `least` of them; None for those that are not.

        At the timeout it returns what is there.
        """

    async def await_results(self, tasks: tuple[str, ...], timeout: float | None) -> tuple[bytes | None, ...]:
        """The same once all are final, from an event loop: however many wait there, over one connection."""

    async def connect(self, lease: Lease, first: int = 1) -> Session:
        """A session for a worker; raises `OperationalError` when the store cannot be reached.

        `first` is the first claim number to give out: where an earlier session of the same lease stopped.
        """

    def durability(self) -> Durability:
        """What a loss of power would cost, as the store is set up now."""

    def risks(self) -> tuple[str, ...]:
        """How it is set up to lose what it has accepted, each as a sentence that says what to change; mostly none."""

    def close(self) -> None:
        """Drop all connections of this process."""
