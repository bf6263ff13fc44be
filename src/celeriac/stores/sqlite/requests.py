"""Which function performs which request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from celeriac.stores import contract as c
from celeriac.stores.sqlite import burying, delaying, finishing, inspection, kept, leases, queues, results, revocations
from celeriac.stores.sqlite.transaction import Transaction

R = TypeVar("R")

_READ: dict[type[c.Request[Any]], Callable[[Transaction, Any], Any]] = {
    c.Heartbeat: leases.heartbeat,
    c.ListWorkers: leases.list_workers,
    c.Reconcile: leases.reconcile,
    c.ReadResults: results.read_results,
    c.ReadSlots: results.read_slots,
    c.Revocations: revocations.revocations,
    c.Stats: queues.stats,
    c.DeadLetters: burying.page,
    c.ReadDead: burying.read,
    c.Delayed: delaying.page,
    c.ReadDelayed: delaying.read,
    c.Peek: inspection.peek,
    c.Locate: inspection.locate,
    c.ReadGroup: kept.read_group,
}
_WRITE: dict[type[c.Request[Any]], Callable[[Transaction, Any], Any]] = {
    c.Enqueue: queues.enqueue,
    leases.Arrive: leases.arrive,
    c.OpenLease: leases.open_lease,
    c.CloseLease: leases.close_lease,
    c.Finish: finishing.finish,
    c.Start: finishing.start,
    c.Release: queues.release,
    c.Defer: queues.defer,
    c.Promote: queues.promote,
    c.Reap: leases.reap,
    c.Replay: burying.replay,
    c.DeleteDeadLetters: burying.drop,
    c.AdjustDelayed: delaying.adjust,
    c.CancelDelayed: delaying.cancel,
    c.Revoke: revocations.revoke,
    c.Note: results.note,
    c.Forget: results.forget,
    c.Pause: inspection.pause,
    c.Purge: inspection.purge,
    c.Share: kept.share,
    c.SaveGroup: kept.save_group,
    c.DropGroup: kept.drop_group,
}


def only_reads(request: c.Request[Any]) -> bool:
    """Whether a request leaves the database as it is, so that it needs no lock."""
    return type(request) in _READ and not (isinstance(request, c.Heartbeat) and request.counters is not None)


def perform(tx: Transaction, request: c.Request[R]) -> R:
    """Perform a request within a transaction; a `LeaseLost` is raised before anything is written."""
    function = _READ.get(type(request)) or _WRITE[type(request)]
    return cast("R", function(tx, request))
