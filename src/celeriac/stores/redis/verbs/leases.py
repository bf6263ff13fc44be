"""Leases: begun, kept, ended, compared and taken over."""

from __future__ import annotations

from typing import Any

import msgspec

from celeriac.stores import contract as c
from celeriac.stores.contract.workers import is_reaped
from celeriac.stores.redis import layout
from celeriac.stores.redis.scripts import script
from celeriac.stores.redis.verbs.verb import DEAD_KEYS, Command, Place, Verb, holding_of, nothing, pairs

_LEASE_KEYS = (layout.LEASES, layout.HEARTBEATS, layout.WORKERS, layout.QUEUES, layout.SESSIONS)


def _open(request: c.OpenLease, place: Place) -> Command:
    lease, record = request.lease, request.record
    claims, started = layout.held_keys(lease.worker)
    keys = (*_LEASE_KEYS, claims, layout.TOLD, *DEAD_KEYS, started)
    arguments = [lease.worker.encode(), lease.epoch.encode(), msgspec.json.encode(record), *place.dead_bounds]
    return script("open").call(keys, arguments + [queue.encode() for queue in record.queues])


def _close(request: c.CloseLease, place: Place) -> Command:
    lease = request.lease
    claims, started = layout.held_keys(lease.worker)
    keys = (*_LEASE_KEYS, claims, layout.TOLD, *DEAD_KEYS, started)
    return script("close").call(keys, [lease.worker.encode(), lease.epoch.encode(), *place.dead_bounds])


def fence(lease: c.Lease, first: int) -> Command:
    """The command with which a session of a lease begins: its claims are numbered from `first` on."""
    arguments = [lease.worker.encode(), lease.epoch.encode(), b"%d" % first]
    return script("fence").call((layout.LEASES, layout.SESSIONS), arguments)


def _heartbeat(request: c.Heartbeat, place: Place) -> Command:
    lease = request.lease
    keys = (layout.LEASES, layout.HEARTBEATS, layout.WORKERS, layout.DELAYED, layout.SESSIONS, layout.TOLD)
    counters = b"" if request.counters is None else msgspec.json.encode(request.counters)
    return script("heartbeat").call(keys, [lease.worker.encode(), lease.epoch.encode(), counters])


def _list_workers(request: c.ListWorkers, place: Place) -> Command:
    keys = (layout.LEASES, layout.HEARTBEATS, layout.WORKERS, layout.TOLD)
    return script("list_workers").call(keys, [b"%d" % request.limit, b"%d" % request.max_bytes])


def _reap(request: c.Reap, place: Place) -> Command:
    lease, peer = request.lease, request.peer
    claims, started = layout.held_keys(peer.worker)
    keys = (*_LEASE_KEYS, claims, layout.claims_key(lease.worker), layout.TOLD, started)
    words = (lease.worker, lease.epoch, peer.worker, peer.epoch, peer.heartbeat, request.first, request.limit)
    return script("reap").call(keys, [str(word).encode() for word in words])


def _reconcile(request: c.Reconcile, place: Place) -> Command:
    lease = request.lease
    arguments = [lease.worker.encode(), lease.epoch.encode(), *(id.encode() for id in request.known)]
    return script("reconcile").call((layout.LEASES, *layout.held_keys(lease.worker)), arguments)


def _claim_of(id: bytes, value: bytes) -> c.Claim:
    key, flags, raw = value.split(b"\n", 2)
    queue, priority = layout.read_list_key(key)
    return c.Claim(id.decode(), queue, raw, priority, flags.endswith(b"s"))


def _read_heartbeat(request: c.Heartbeat, reply: Any) -> c.HeartbeatReply:
    leases, heartbeats, records, next_due, revision = reply
    counted, recorded = dict(pairs(heartbeats)), dict(pairs(records))
    peers = []
    for worker, epoch in sorted(pairs(leases)):
        record = msgspec.json.decode(recorded.get(worker, b"{}"), type=c.WorkerRecord)
        peers.append(_peer_of(worker, epoch, int(counted.get(worker, 0)), record))
    return c.HeartbeatReply(tuple(peers), int(next_due), revision)


def _peer_of(worker: bytes, epoch: bytes, heartbeat: int, record: c.WorkerRecord) -> c.Peer:
    lease = epoch.decode()
    return c.Peer(worker.decode(), lease, heartbeat, is_reaped(lease) or None, record)


def _read_reconciled(request: c.Reconcile, reply: Any) -> c.Reconciled:
    unknown, missing = reply
    claims = tuple(_claim_of(id, value) for id, value in pairs(unknown))
    return c.Reconciled(claims, tuple(id.decode() for id in missing))


def _read_workers(request: c.ListWorkers, reply: Any) -> tuple[c.WorkerInfo, ...]:
    return tuple(_sight_of(*row) for row in reply)


def _sight_of(
    worker: bytes,
    epoch: bytes,
    heartbeat: bytes,
    record: bytes,
    counters: bytes,
    quiet: int,
    count: int,
    held: list[bytes],
) -> c.WorkerInfo:
    peer = _peer_of(worker, epoch, int(heartbeat), msgspec.json.decode(record, type=c.WorkerRecord))
    holdings = tuple(holding_of(worker, *held[at : at + 4]) for at in range(0, len(held), 4))
    return c.WorkerInfo(peer, msgspec.json.decode(counters, type=c.WorkerCounters), quiet, count, holdings)


VERBS: dict[type, Verb] = {
    c.OpenLease: Verb(_open, nothing),
    c.CloseLease: Verb(_close, nothing),
    c.Heartbeat: Verb(_heartbeat, _read_heartbeat),
    c.ListWorkers: Verb(_list_workers, _read_workers),
    c.Reap: Verb(_reap, lambda request, reply: c.Reaped(tuple((_claim_of(id, value) for id, value in pairs(reply))))),
    c.Reconcile: Verb(_reconcile, _read_reconciled),
}
