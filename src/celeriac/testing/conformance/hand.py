"""A worker reduced to its lease: it asks the store directly and numbers its claims."""

from __future__ import annotations

from celeriac.ids import new_epoch, new_id
from celeriac.stores import contract as c

HOUR = 3_600_000
"""An hour in milliseconds: a delay that no test lives to see the end of."""


class Hand:
    """One open lease, and the requests of its holder in short."""

    def __init__(self, store: c.Store, worker: str = "hand") -> None:
        self.store = store
        self.lease: c.Lease = c.Lease(worker, new_epoch())
        self._next = 1
        self.open()

    def open(self) -> None:
        """Open the lease, or open it again."""
        self.store.run(c.OpenLease(self.lease, c.WorkerRecord(host="here", pid=7, queues=("q",))))

    def close(self) -> None:
        """End the lease in order."""
        self.store.run(c.CloseLease(self.lease))

    def reserve(self, count: int) -> int:
        """Claim numbers never used before."""
        first, self._next = self._next, self._next + count
        return first

    def finish(
        self, *outcomes: c.Outcome, queues: tuple[str, ...] = (), count: int = 0, max_bytes: int = 1 << 20
    ) -> c.Finished:
        """End claims, and take new ones where queues and a count are given."""
        first = self.reserve(count + len(outcomes))
        return self.store.run(c.Finish(self.lease, outcomes, queues, count, max_bytes, first))

    def claim(self, count: int = 1, *queues: str, max_bytes: int = 1 << 20) -> tuple[c.Claim, ...]:
        """Take messages; from the queue `q` unless others are named."""
        return self.finish(queues=queues or ("q",), count=count, max_bytes=max_bytes).claims

    def start(self, *begins: c.StartItem) -> tuple[str, ...]:
        """Mark claims as started; those that were lost."""
        return self.store.run(c.Start(self.lease, begins)).lost

    def release(self, *returns: c.Return) -> tuple[str, ...]:
        """Give claims back; those that were lost."""
        return self.store.run(c.Release(self.lease, returns)).lost

    def defer(self, *deferrals: c.Deferral) -> tuple[str, ...]:
        """Turn claims into delayed messages; those that were lost."""
        return self.store.run(c.Defer(self.lease, deferrals)).lost

    def heartbeat(self) -> c.HeartbeatReply:
        """Show that this one lives."""
        return self.store.run(c.Heartbeat(self.lease))

    def peer(self, other: Hand) -> c.Peer:
        """Another one as seen from here, now."""
        return next(peer for peer in self.heartbeat().peers if peer.worker == other.lease.worker)

    def reap(self, peer: c.Peer, limit: int = 1024) -> tuple[c.Claim, ...]:
        """Take over from a dead peer."""
        return self.store.run(c.Reap(self.lease, peer, self.reserve(limit), limit)).claims

    def held(self) -> dict[str, c.Claim]:
        """What the store says this one holds, by claim id."""
        return {claim.id: claim for claim in self.store.run(c.Reconcile(self.lease, ())).unknown}


def put(store: c.Store, *raws: bytes, queue: str = "q", priority: int = 0, delay: int = 0) -> None:
    """Enqueue messages under ids of their own."""
    store.run(c.Enqueue(tuple(c.Message(new_id(), queue, raw, priority, delay) for raw in raws)))


def raws(claims: tuple[c.Claim, ...]) -> list[bytes]:
    """The messages in some claims."""
    return [claim.raw for claim in claims]


def all_raws(store: c.Store, *queues: str) -> list[bytes]:
    """Everything that is ready, in the order in which it would be served; it is given back."""
    hand = Hand(store, "counter")
    claims = hand.claim(1000, *queues)
    hand.close()
    return raws(claims)


def document(state: str, value: str = "null") -> bytes:
    """A result document as workers write it."""
    return f'{{"status": "{state}", "result": {value}}}'.encode()
