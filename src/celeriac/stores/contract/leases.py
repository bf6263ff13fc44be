"""Leases: the right to hold claims, how it is kept, and how it ends."""

from __future__ import annotations

from msgspec import Struct

from celeriac.stores.contract.claims import Claim
from celeriac.stores.contract.request import Request
from celeriac.stores.contract.workers import Lease, Peer, WorkerCounters, WorkerRecord


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


class HeartbeatReply(Struct, frozen=True):
    """The leases that are open, one's own included; the rest as in `Finished`."""

    peers: tuple[Peer, ...]
    next_due: int = -1
    revision: int = 0


class Heartbeat(Request[HeartbeatReply], frozen=True):
    """Show that the holder of the lease lives, and look at the others. Counters are kept for `ListWorkers`."""

    lease: Lease
    counters: WorkerCounters | None = None


class Reaped(Struct, frozen=True):
    """What the dead worker held, now claims of the reaper; empty when it turned out to live."""

    claims: tuple[Claim, ...] = ()


class Reap(Request[Reaped], frozen=True):
    """End the lease of a dead peer and take its claims over, under numbers from `first` on.

    Compare and set: nothing happens unless the peer's epoch and heartbeat are those observed, or the store
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
