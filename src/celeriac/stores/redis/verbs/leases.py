"""Leases: begun, kept, ended, compared and taken over."""

from __future__ import annotations

from typing import Any

import msgspec

from celeriac.store import contract as c
from celeriac.store.peers import is_reaped
from celeriac.stores.redis import layout
from celeriac.stores.redis.scripts import script
from celeriac.stores.redis.verbs.verb import DEAD_KEYS, Command, Place, Verb, holding_of, nothing, pairs

_LEASE_KEYS = (layout.LEASES, layout.BEATS, layout.WORKERS, layout.QUEUES, layout.FLOORS)


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
    return script("fence").call((layout.LEASES, layout.FLOORS), arguments)


def _beat(request: c.Beat, place: Place) -> Command:
    lease = request.lease
    keys = (layout.LEASES, layout.BEATS, layout.WORKERS, layout.DELAYED, layout.FLOORS, layout.TOLD)
    tally = b"" if request.tally is None else msgspec.json.encode(request.tally)
    return script("beat").call(keys, [lease.worker.encode(), lease.epoch.encode(), tally])


def _survey(request: c.Survey, place: Place) -> Command:
    keys = (layout.LEASES, layout.BEATS, layout.WORKERS, layout.TOLD)
    return script("survey").call(keys, [b"%d" % request.limit, b"%d" % request.max_bytes])


def _reap(request: c.Reap, place: Place) -> Command:
    lease, peer = request.lease, request.peer
    claims, started = layout.held_keys(peer.worker)
    keys = (*_LEASE_KEYS, claims, layout.claims_key(lease.worker), layout.TOLD, started)
    words = (lease.worker, lease.epoch, peer.worker, peer.epoch, peer.beat, request.first, request.limit)
    return script("reap").call(keys, [str(word).encode() for word in words])


def _reconcile(request: c.Reconcile, place: Place) -> Command:
    lease = request.lease
    arguments = [lease.worker.encode(), lease.epoch.encode(), *(id.encode() for id in request.known)]
    return script("reconcile").call((layout.LEASES, *layout.held_keys(lease.worker)), arguments)


def _claim_of(id: bytes, value: bytes) -> c.Claim:
    key, flags, raw = value.split(b"\n", 2)
    queue, priority = layout.read_list_key(key)
    return c.Claim(id.decode(), queue, raw, priority, flags.endswith(b"s"))


def _read_beaten(request: c.Beat, reply: Any) -> c.Beaten:
    leases, beats, records, next_due, revision = reply
    counted, recorded = dict(pairs(beats)), dict(pairs(records))
    peers = []
    for worker, epoch in sorted(pairs(leases)):
        record = msgspec.json.decode(recorded.get(worker, b"{}"), type=c.WorkerRecord)
        peers.append(_peer_of(worker, epoch, int(counted.get(worker, 0)), record))
    return c.Beaten(tuple(peers), int(next_due), revision)


def _peer_of(worker: bytes, epoch: bytes, beat: int, record: c.WorkerRecord) -> c.Peer:
    lease = epoch.decode()
    return c.Peer(worker.decode(), lease, beat, is_reaped(lease) or None, record)


def _read_reconciled(request: c.Reconcile, reply: Any) -> c.Reconciled:
    unknown, missing = reply
    claims = tuple(_claim_of(id, value) for id, value in pairs(unknown))
    return c.Reconciled(claims, tuple(id.decode() for id in missing))


def _read_survey(request: c.Survey, reply: Any) -> tuple[c.WorkerSight, ...]:
    return tuple(_sight_of(*row) for row in reply)


def _sight_of(
    worker: bytes, epoch: bytes, beat: bytes, record: bytes, tally: bytes, quiet: int, count: int, held: list[bytes]
) -> c.WorkerSight:
    peer = _peer_of(worker, epoch, int(beat), msgspec.json.decode(record, type=c.WorkerRecord))
    holdings = tuple(holding_of(worker, *held[at : at + 4]) for at in range(0, len(held), 4))
    return c.WorkerSight(peer, msgspec.json.decode(tally, type=c.Tally), quiet, count, holdings)


VERBS: dict[type, Verb] = {
    c.OpenLease: Verb(_open, nothing),
    c.CloseLease: Verb(_close, nothing),
    c.Beat: Verb(_beat, _read_beaten),
    c.Survey: Verb(_survey, _read_survey),
    c.Reap: Verb(_reap, lambda request, reply: c.Reaped(tuple((_claim_of(id, value) for id, value in pairs(reply))))),
    c.Reconcile: Verb(_reconcile, _read_reconciled),
}
