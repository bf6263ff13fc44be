"""Requests about messages in queues: how they come, return, wait for their time, and become ready."""

from __future__ import annotations

from itertools import count

import msgspec

from celeriac.stores import contract as c
from celeriac.stores.sqlite.claims import held
from celeriac.stores.sqlite.delaying import delay
from celeriac.stores.sqlite.transaction import Transaction, array
from celeriac.stores.sqlite.wake import WORKER


def enqueue(tx: Transaction, request: c.Enqueue) -> c.Enqueued:
    """Accept the messages whose ids were not accepted before."""
    fresh = _accept(tx, [message.id for message in request.messages])
    put(tx, [message for message, new in zip(request.messages, fresh, strict=True) if new])
    return c.Enqueued(tuple(fresh))


def _accept(tx: Transaction, ids: list[str]) -> list[bool]:
    generation = tx.now // (c.ENQUEUE_MEMORY_SECONDS * 1000)
    known = {id for (id,) in tx.rows("known", ids=array(ids), generation=generation)}
    fresh: dict[str, int] = {}
    for place, id in enumerate(ids):
        if id not in known:
            fresh.setdefault(id, place)
    if fresh:
        tx.do("accept", ids=array(fresh), generation=generation)
    return [fresh.get(id) == place for place, id in enumerate(ids)]


def put(tx: Transaction, messages: list[c.Message]) -> None:
    """Put messages into their queues, or among the delayed."""
    if not messages:
        return
    numbered = list(enumerate(messages, tx.value("last_message") + 1))
    tx.insert("add_messages", [(number, message.raw) for number, message in numbered])
    push(tx, [(m.queue, m.priority, number) for number, m in numbered if m.delay <= 0])
    delay(tx, [(tx.now + m.delay, number, m.queue, m.priority, m.id) for number, m in numbered if m.delay > 0])


def push(tx: Transaction, rows: list[tuple[str, int, int]]) -> None:
    """Queue, priority and number of messages, to the back of their queues."""
    _place(tx, rows, "last_position", 1)


def push_front(tx: Transaction, rows: list[tuple[str, int, int]]) -> None:
    """The same to the front; the last one given is served first."""
    _place(tx, rows, "first_position", -1)


def _place(tx: Transaction, rows: list[tuple[str, int, int]], edge: str, step: int) -> None:
    if not rows:
        return
    positions = {
        (queue, level): count(tx.value(edge, queue=queue, priority=level) + step, step)
        for queue, level in {row[:2] for row in rows}
    }
    tx.insert("push", [(queue, level, next(positions[queue, level]), number) for queue, level, number in rows])
    tx.rings.add(WORKER)


def release(tx: Transaction, request: c.Release) -> c.LostClaims:
    """Give claims back to the front."""
    lease = tx.lease(request.lease)
    returns, lost = held(tx, lease, request.lease.epoch, request.returns)
    tx.do("drop_claims", lease=lease, numbers=array(claim.number for _, claim in returns))
    tx.do_each("change_message", ((item.raw, claim.message) for item, claim in returns if item.raw is not None))
    push_front(tx, [(claim.queue, claim.priority, claim.message) for _, claim in reversed(returns)])
    return c.LostClaims(lost)


def defer(tx: Transaction, request: c.Defer) -> c.LostClaims:
    """Move claims among the delayed."""
    lease = tx.lease(request.lease)
    deferrals, lost = held(tx, lease, request.lease.epoch, request.deferrals)
    tx.do("drop_claims", lease=lease, numbers=array(claim.number for _, claim in deferrals))
    tx.do_each("change_message", ((item.raw, claim.message) for item, claim in deferrals if item.raw is not None))
    delay(tx, [(item.due, claim.message, claim.queue, claim.priority, item.id) for item, claim in deferrals])
    return c.LostClaims(lost)


def promote(tx: Transaction, request: c.Promote) -> c.Promoted:
    """Move what is due into its queue."""
    due = tx.rows("due", now=tx.now, limit=request.limit)
    push(tx, [(queue, priority, message) for _, queue, priority, message in due])
    tx.do("drop_delayed", numbers=array(number for number, *_ in due))
    return c.Promoted(len(due), tx.next_due())


def stats(tx: Transaction, request: c.Stats) -> tuple[c.QueueStats, ...]:
    """Count everything there is; queues named and empty count zero."""
    paused = {queue for (queue,) in tx.rows("paused")}
    counted = {row[0]: msgspec.structs.replace(c.QueueStats(*row), paused=row[0] in paused) for row in tx.rows("stats")}
    known = sorted({*counted, *paused} - {c.ADVANCE_QUEUE})
    return tuple(counted.get(name) or c.QueueStats(name, paused=name in paused) for name in request.queues or known)
