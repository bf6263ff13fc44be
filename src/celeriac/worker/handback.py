"""Giving everything back to Celery: what dead workers held, and what waits in the store for its time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from msgspec import Struct

from celeriac import ids
from celeriac.clock import Clock
from celeriac.exceptions import CeleriacError, LeaseLost, MalformedMessage
from celeriac.message import edit
from celeriac.message import task as wire
from celeriac.stores import contract as c
from celeriac.stores.contract.watch import Watch
from celeriac.worker.core import intake, recovery
from celeriac.worker.core.reaping import is_gone, is_here
from celeriac.worker.lane.outcome import formatted

_PAGE = 200


class HandedBack(Struct, frozen=True):
    """How many claims, delayed messages and messages that had landed went back; `failed` had begun and may not."""

    claims: int
    delayed: int
    landed: int
    failed: int


class WorkersLive(CeleriacError):
    """Workers of ours still run: what they hold is theirs, and what is given back they would take again."""

    code = "C302"
    hint = "stop them first"
    tells_hint = True


def hand_back(
    store: c.Store,
    kombu: c.Kombu,
    clock: Clock,
    pause: Callable[[float], None] = time.sleep,
    progress: Callable[[int], None] | None = None,
) -> HandedBack:
    """Bring all there is back to Celery's lists, in Celery's form.

    Takes over from workers that are dead, which on another machine takes a lease to be known. A task that had
    begun and may run only once ends as `WorkerLostError`, and is a dead letter. Raises `WorkersLive` when a
    worker shows that it lives. Dead letters and results stay where they are. `progress` is called with the count of
    delayed messages so far.
    """
    lease = c.Lease(f"hand-back/{ids.new_epoch()}", ids.new_epoch())
    store.run(c.OpenLease(lease, c.WorkerRecord()))
    try:
        claims, failed = _take_over(store, lease, clock, pause)
        landed = kombu.drain_handoff()
        delayed = _release_delayed(store, clock, progress)
    finally:
        with contextlib.suppress(LeaseLost):  # it holds nothing any more, and moving many messages takes long
            store.run(c.CloseLease(lease))
    return HandedBack(claims, delayed, landed, failed)


def _take_over(store: c.Store, lease: c.Lease, clock: Clock, pause: Callable[[float], None]) -> tuple[int, int]:
    """Claims given back, and those that failed, once nobody else has a lease."""
    watch = Watch(store.lease_seconds, store.lease_seconds / 2)
    first: dict[str, int] = {}
    returned = failed = 0
    number = 1
    while True:
        peers = [peer for peer in store.run(c.Heartbeat(lease)).peers if peer.worker != lease.worker]
        if not peers:
            return returned, failed
        alive = [
            peer.worker
            for peer in peers
            if first.setdefault(peer.worker, peer.heartbeat) != peer.heartbeat or _lives(peer)
        ]
        if alive:
            raise WorkersLive(f"{len(alive)} workers run: {', '.join(alive)}")
        for peer in [*filter(is_gone, peers), *watch.look(clock.monotonic(), tuple(peers), lease.worker)]:
            while claims := store.run(c.Reap(lease, peer, number, _PAGE)).claims:
                number += _PAGE
                outcomes = _give_back(store, lease, claims, clock.now())
                returned, failed = returned + len(claims) - outcomes, failed + outcomes
        pause(store.heartbeat_seconds / 4)


def _lives(peer: c.Peer) -> bool:
    """Whether that can be seen at once: the store knows, or the process is there on this machine."""
    return peer.dead is False or (is_here(peer.record) and not is_gone(peer))


def _give_back(store: c.Store, lease: c.Lease, claims: tuple[c.Claim, ...], now: float) -> int:
    """Release claims in Celery's form; how many had begun and failed instead."""
    outcomes, returns = [], []
    for claim in claims:
        outcome = _failed(claim, now) if claim.started else None
        if outcome is None:
            returns.append(c.Return(claim.id, edit.for_celery(wire.redelivered(claim.raw))))
        else:
            outcomes.append(outcome)
    store.run(c.Release(lease, tuple(returns)))
    store.run(c.Finish(lease, formatted(tuple(outcomes), store.format), first=0))
    return len(outcomes)


def _failed(claim: c.Claim, now: float) -> c.Outcome | None:
    """The end of a task that had begun and may run only once; None for what cannot be read."""
    try:
        held = intake.hold(claim, wire.read_headers(claim.raw), {})
    except MalformedMessage:
        return None
    return c.Outcome(
        claim.id, held.task_id, (end := recovery.end(held, recovery.lost(held), now)).result, dead=end.dead
    )


def _release_delayed(store: c.Store, clock: Clock, progress: Callable[[int], None] | None) -> int:
    """Let all delayed messages into their lists at once: those that are not due with an ETA that Celery waits for."""
    count = 0
    after = ""
    while True:
        page = store.run(c.Delayed(after=after, limit=_PAGE))
        now = clock.now() * 1000
        ours = [message for message in page.messages if message.queue != c.ADVANCE_QUEUE]
        adjustments = (c.Adjustment(message.id, 0, _celerys(message, now)) for message in ours)
        count += sum(store.run(c.AdjustDelayed(tuple(adjustments))))
        if progress is not None:
            progress(count)
        if not page.after:
            break
        after = page.after
    while store.run(c.Promote()).count:
        pass
    return count


def _celerys(message: c.DelayedMessage, now: float) -> bytes:
    """A delayed message as Celery has it; one that is parked has no time of its own to wait for."""
    try:
        parked = wire.read_headers(message.raw).parked
    except MalformedMessage:
        return message.raw
    waits = message.due > now and not parked
    return edit.for_celery(edit.due_at(message.raw, message.due / 1000) if waits else message.raw)
