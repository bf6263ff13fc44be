"""Requests of people about queues and one task."""

from __future__ import annotations

from celeriac.stores import contract as c
from celeriac.stores.sqlite.statements import SQL
from celeriac.stores.sqlite.transaction import Transaction, array
from celeriac.stores.sqlite.wake import WORKER


def pause(tx: Transaction, request: c.Pause) -> None:
    """Let nothing of the queues be claimed, or let it again."""
    tx.do("pause" if request.paused else "resume", queues=array(request.queues))
    tx.rings.add(WORKER)


def peek(tx: Transaction, request: c.Peek) -> tuple[c.Peeked, ...]:
    """The messages served next."""
    if request.heads:
        rows = iter(tx.rows("heads", queue=request.queue, limit=request.limit))
    else:
        found = tx.connection.execute(SQL["waiting"], {"queue": request.queue, "limit": request.limit})
        rows = ((raw, priority) for priority, _, _, raw in found)
    page: list[c.Peeked] = []
    size = 0
    for raw, priority in rows:
        page.append(c.Peeked(raw, priority))
        size += len(raw)
        if size >= request.max_bytes:
            break
    return tuple(page)


def purge(tx: Transaction, request: c.Purge) -> int:
    """Drop the first messages that are ready."""
    first = tx.rows("first", queue=request.queue, limit=request.limit)
    if first:
        tx.do("take", queue=request.queue, priority=first[-1][0], position=first[-1][1])
        tx.do("drop_messages", numbers=array(message for _, _, message in first))
    return len(first)


def locate(tx: Transaction, request: c.Locate) -> c.Located:
    """Look for an id in what is ready or claimed."""
    word = request.task.encode()
    ready, unseen = [], []
    for (queue,) in tx.rows("ready_queues", but=c.ADVANCE_QUEUE):
        found = tx.rows("sighted", queue=queue, depth=request.depth, word=word)
        ready += [c.QueuedMatch(queue, ahead, raw) for ahead, raw in found]
        if tx.value("count_ready", queue=queue, limit=request.depth + 1) > request.depth:
            unseen.append(queue)
    held = tuple(c.HeldMessage(*row) for row in tx.rows("holdings", word=word))
    revoked = bool(tx.value("is_revoked", task=request.task, now=tx.now))
    return c.Located(tuple(ready), held, revoked, tuple(unseen))
