"""Requests about leases: who is there, who is gone, and who takes over."""

from __future__ import annotations

import msgspec

from celeriac.exceptions import LeaseLost
from celeriac.stores import contract as c
from celeriac.stores.contract.workers import is_reaped
from celeriac.stores.sqlite.queues import push_front
from celeriac.stores.sqlite.transaction import Transaction
from celeriac.stores.sqlite.wake import NEWS

_records = msgspec.json.Decoder(c.WorkerRecord)
_counters = msgspec.json.Decoder(c.WorkerCounters)


class Arrive(c.Request[None], frozen=True):
    """The first request of a process to a database: by which lock file its leases are held from now on."""


def arrive(tx: Transaction, request: Arrive) -> None:
    """Write it down; there are leases already where the lock file was deleted or replaced."""
    rows = [(tx.lock.inode, lease.worker, lease.epoch) for lease in tx.lock.held.values()]
    tx.do_each("lock_lease", rows)


def open_lease(tx: Transaction, request: c.OpenLease) -> None:
    """Begin a lease and hold its lock; another lease of the same worker ends by it."""
    lease = request.lease
    known = tx.find_lease(lease.worker)
    tx.lock.hold(lease)
    if known and known[1] == lease.epoch:
        return
    if known:
        _end(tx, known[0], c.Lease(lease.worker, known[1]))
    record = msgspec.json.encode(request.record)
    tx.do("open_lease", worker=lease.worker, epoch=lease.epoch, record=record, lock=tx.lock.inode)
    tx.rings.add(NEWS)


def close_lease(tx: Transaction, request: c.CloseLease) -> None:
    """End a lease; its lock goes after the commit, or somebody might reap it before."""
    _end(tx, tx.lease(request.lease), request.lease)


def _end(tx: Transaction, number: int, lease: c.Lease) -> None:
    claims = tx.rows("to_give_back", lease=number)
    if claims:
        push_front(tx, claims)
        tx.do("drop_all_claims", lease=number)
    tx.do("drop_lease", lease=number)
    tx.after.append(lambda: tx.lock.drop(lease))


def heartbeat(tx: Transaction, request: c.Heartbeat) -> c.HeartbeatReply:
    """Look at the others. The lock shows that the holder lives: only what it has counted is written."""
    rows = tx.rows("leases")
    peers = [_peer(tx, *row) for row in rows]
    if not any((peer.worker, peer.epoch) == (request.lease.worker, request.lease.epoch) for peer in peers):
        tx.lock.drop(request.lease)
        raise LeaseLost(f"lease {request.lease.epoch} of {request.lease.worker} is not open")
    if request.counters is not None:
        tx.do("tell", lease=tx.lease(request.lease), counters=msgspec.json.encode(request.counters), heard=tx.now)
    return c.HeartbeatReply(tuple(peers), *tx.horizon())


def _peer(tx: Transaction, worker: str, epoch: str, record: bytes, lock: int) -> c.Peer:
    return c.Peer(worker, epoch, dead=_dead(tx, c.Lease(worker, epoch), lock), record=_records.decode(record))


def _dead(tx: Transaction, lease: c.Lease, lock: int) -> bool | None:
    """Whether the holder's process is gone; None for one that has not locked the file that is there now.

    Such a one has not noticed yet that the lock file was replaced, or it is dead: its next heartbeat will tell.
    """
    return is_reaped(lease.epoch) or (tx.lock.dead(lease) and (True if lock in (0, tx.lock.inode) else None))


def list_workers(tx: Transaction, request: c.ListWorkers) -> tuple[c.WorkerInfo, ...]:
    """Look at all leases, and at the first claims under each."""
    sights, room = [], request.max_bytes
    for number, worker, epoch, record, lock, counters, heard, held in tx.rows("sights"):
        holdings, claimed_by = [], epoch.removesuffix(c.REAPED)
        for claim, queue, since, raw in tx.rows("held_first", lease=number, limit=request.limit):
            holdings.append(c.HeldMessage(worker, f"{claimed_by}:{claim}", queue, since, raw if room > 0 else b""))
            room -= len(raw)
        peer = _peer(tx, worker, epoch, record, lock)
        quiet = tx.now - heard if heard else -1
        sights.append(c.WorkerInfo(peer, _counters.decode(counters), quiet, held, tuple(holdings)))
    return tuple(sights)


def reap(tx: Transaction, request: c.Reap) -> c.Reaped:
    """Take over from a peer whose process is dead; looked at again here, where nobody else writes.

    One that could not be judged when it was observed, and cannot now, has sent no heartbeat in between.
    """
    reaper, peer = tx.lease(request.lease), request.peer
    known = tx.find_lease(peer.worker)
    if known is None or known[1] != peer.epoch or known[0] == reaper:
        return c.Reaped()
    old = known[0]
    dead = _dead(tx, c.Lease(peer.worker, peer.epoch), tx.value("locked_by", lease=old))
    if not dead and not (dead is None and peer.dead is not False):
        return c.Reaped()
    claims, moves = [], []
    for number, row in enumerate(tx.rows("claims", lease=old, limit=request.limit), request.first):
        claims.append(_claim(request.lease.epoch, number, *row[1:]))
        moves.append((reaper, number, old, row[0]))
    tx.do_each("adopt", moves)
    if not tx.value("holds_any", lease=old):
        tx.do("drop_lease", lease=old)
    elif not is_reaped(peer.epoch):
        tx.do("close_reaped", lease=old, epoch=peer.epoch + c.REAPED)
    return c.Reaped(tuple(claims))


def _claim(epoch: str, number: int, queue: str, raw: bytes, priority: int, started: int) -> c.Claim:
    return c.Claim(f"{epoch}:{number}", queue, raw, priority, bool(started))


def reconcile(tx: Transaction, request: c.Reconcile) -> c.Reconciled:
    """Compare what a worker believes with what is."""
    epoch = request.lease.epoch
    claims = [_claim(epoch, *row) for row in tx.rows("claims", lease=tx.lease(request.lease), limit=-1)]
    held, known = {claim.id for claim in claims}, set(request.known)
    unknown = tuple(claim for claim in claims if claim.id not in known)
    return c.Reconciled(unknown, tuple(id for id in request.known if id not in held))
