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
is dead (`Peer.dead` true or false) or it counts heartbeats and leaves the judgement to `watch.Watch`.

**Revocations.** A delayed message of a revoked task ends at once. Any other is remembered, and raises the
store's *revision*. Every reply that hands claims to a worker tells the revision at the moment of the claim; a
worker that knows an earlier one asks for the `Revocations` in between before it begins any of them. So what
was revoked before it was claimed does not run.

**Time.** Delays are counted on the store's clock, in milliseconds. No clock of a worker decides anything.

**Order.** Within a queue, a smaller priority is first, then the message enqueued earlier. What is released
goes to the front, whatever waits behind it.

**Shared calls.** A key stands for at most one call at a time (`Share`), so that of many equal calls one runs.

**Pauses.** Of a paused queue nothing is claimed (`Pause`), by whomever; all else about it goes on.

The memory store (`celeriac.stores.memory`) is this page in code; `celeriac.testing.conformance` is this
page as tests, for every store, ours or not.
"""

from celeriac.message.final import is_final
from celeriac.stores.contract.cached_calls import SHARE_RUN_SECONDS, Share, Shared
from celeriac.stores.contract.claims import (
    Claim,
    Defer,
    Deferral,
    Finish,
    Finished,
    LostClaims,
    Outcome,
    Release,
    Return,
    Start,
    StartItem,
    WaitReply,
)
from celeriac.stores.contract.dead_letters import (
    DEAD_LETTER_LIMIT,
    DEAD_LETTER_SECONDS,
    FAILED_LIMIT,
    FAILED_SECONDS,
    Attempt,
    Cause,
    DeadLetter,
    DeadLetters,
    DeleteDeadLetters,
    ReadDead,
    Replay,
    ReplayItem,
)
from celeriac.stores.contract.delayed import (
    AdjustDelayed,
    Adjustment,
    CancelDelayed,
    Cancellation,
    Delayed,
    DelayedMessage,
    DelayedPage,
    Promote,
    Promoted,
    ReadDelayed,
)
from celeriac.stores.contract.leases import (
    CloseLease,
    Heartbeat,
    HeartbeatReply,
    OpenLease,
    Reap,
    Reaped,
    Reconcile,
    Reconciled,
)
from celeriac.stores.contract.locations import HeldMessage, Locate, Located, QueuedMatch
from celeriac.stores.contract.queues import (
    ENQUEUE_MEMORY_SECONDS,
    Enqueue,
    Enqueued,
    Message,
    Pause,
    Peek,
    Peeked,
    Purge,
    QueueStats,
    Stats,
)
from celeriac.stores.contract.request import Request
from celeriac.stores.contract.results import DropGroup, Forget, Note, ReadGroup, ReadResults, SaveGroup
from celeriac.stores.contract.revocations import REVOKE_MEMORY_SECONDS, Ended, Revocation, Revocations, Revoke, Revoked
from celeriac.stores.contract.store import Adopted, Durability, Kombu, Session, Store
from celeriac.stores.contract.workers import (
    REAPED,
    Lease,
    ListWorkers,
    Peer,
    TaskCounters,
    WorkerCounters,
    WorkerInfo,
    WorkerRecord,
)
from celeriac.stores.contract.workflows import ADVANCE_QUEUE, ReadSlots, Slot

__all__ = [
    "ADVANCE_QUEUE",
    "DEAD_LETTER_LIMIT",
    "DEAD_LETTER_SECONDS",
    "ENQUEUE_MEMORY_SECONDS",
    "FAILED_LIMIT",
    "FAILED_SECONDS",
    "REAPED",
    "REVOKE_MEMORY_SECONDS",
    "SHARE_RUN_SECONDS",
    "AdjustDelayed",
    "Adjustment",
    "Adopted",
    "Attempt",
    "CancelDelayed",
    "Cancellation",
    "Cause",
    "Claim",
    "CloseLease",
    "DeadLetter",
    "DeadLetters",
    "Defer",
    "Deferral",
    "Delayed",
    "DelayedMessage",
    "DelayedPage",
    "DeleteDeadLetters",
    "DropGroup",
    "Durability",
    "Ended",
    "Enqueue",
    "Enqueued",
    "Finish",
    "Finished",
    "Forget",
    "Heartbeat",
    "HeartbeatReply",
    "HeldMessage",
    "Kombu",
    "Lease",
    "ListWorkers",
    "Locate",
    "Located",
    "LostClaims",
    "Message",
    "Note",
    "OpenLease",
    "Outcome",
    "Pause",
    "Peek",
    "Peeked",
    "Peer",
    "Promote",
    "Promoted",
    "Purge",
    "QueueStats",
    "QueuedMatch",
    "ReadDead",
    "ReadDelayed",
    "ReadGroup",
    "ReadResults",
    "ReadSlots",
    "Reap",
    "Reaped",
    "Reconcile",
    "Reconciled",
    "Release",
    "Replay",
    "ReplayItem",
    "Request",
    "Return",
    "Revocation",
    "Revocations",
    "Revoke",
    "Revoked",
    "SaveGroup",
    "Session",
    "Share",
    "Shared",
    "Slot",
    "Start",
    "StartItem",
    "Stats",
    "Store",
    "TaskCounters",
    "WaitReply",
    "WorkerCounters",
    "WorkerInfo",
    "WorkerRecord",
    "is_final",
]
