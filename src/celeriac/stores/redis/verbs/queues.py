"""Queues: what goes in, what people ask of a queue, and what they do to it."""

from __future__ import annotations

from typing import Any

from celeriac.stores import contract as c
from celeriac.stores.redis import layout
from celeriac.stores.redis.scripts import script
from celeriac.stores.redis.verbs.verb import DELAYED_KEYS, Command, Place, Verb, holding_of, nothing, pairs, read_truths


def _enqueue(request: c.Enqueue, place: Place) -> Command:
    return script("enqueue").call(_INTAKE_KEYS, _accepted(request.messages))


def _accepted(messages: tuple[c.Message, ...]) -> Command:
    """What `accept.lua` reads."""
    arguments = [b"%d" % c.ENQUEUE_MEMORY_SECONDS]
    for message in messages:
        arguments += (
            message.id.encode(),
            layout.list_key(message.queue, message.priority),
            message.queue.encode(),
            b"%d" % message.delay,
            message.raw,
            message.eta_raw or b"",
        )
    return arguments


def _share(request: c.Share, place: Place) -> Command:
    stands = (request.seconds + c.SHARE_RUN_SECONDS) * 1000
    words = (request.task, request.stale, layout.RESULT_PREFIX)
    arguments = [place.other_db, b"%d" % place.db, b"%d" % place.result_seconds, b"%d" % stands]
    arguments += [*(word.encode() for word in words), request.document, *_accepted((request.message,))]
    return script("share").call((*_INTAKE_KEYS, layout.shared_key(request.key)), arguments)


_INTAKE_KEYS = (*layout.SENT, *DELAYED_KEYS, layout.QUEUES)


def _stats(request: c.Stats, place: Place) -> Command:
    keys = (
        layout.QUEUES,
        layout.LEASES,
        layout.DELAYED_COUNTS,
        layout.DEAD_COUNTS,
        layout.SESSIONS,
        layout.FAILED_COUNTS,
    )
    return script("stats").call(keys, [queue.encode() for queue in request.queues])


def _pause(request: c.Pause, place: Place) -> Command:
    arguments = [b"1" if request.paused else b""]
    for queue in request.queues:
        arguments += (queue.encode(), *layout.lists_of(queue))
    return script("pause").call((layout.SESSIONS, layout.QUEUES), arguments)


def _peek(request: c.Peek, place: Place) -> Command:
    arguments = [b"%d" % request.limit, b"%d" % request.max_bytes, b"1" if request.heads else b""]
    return script("peek").call(layout.served_from(request.queue), arguments)


def _purge(request: c.Purge, place: Place) -> Command:
    return script("purge").call(layout.served_from(request.queue), [b"%d" % request.limit])


def _locate(request: c.Locate, place: Place) -> Command:
    keys = (layout.QUEUES, layout.LEASES, layout.REVOKED_ENDS)
    return script("locate").call(keys, [request.task.encode(), b"%d" % request.depth])


def _read_stats(request: c.Stats, reply: Any) -> tuple[c.QueueStats, ...]:
    return tuple(_stats_of(*row) for row in reply)


def _stats_of(queue: bytes, *counts: int) -> c.QueueStats:
    ready, delayed, claimed, dead, paused, failed = map(int, counts)
    return c.QueueStats(queue.decode(), ready, delayed, claimed, dead, paused == 1, failed)


def _read_peeked(request: c.Peek, reply: Any) -> tuple[c.Peeked, ...]:
    return tuple(c.Peeked(raw, layout.read_list_key(key)[1]) for key, raw in pairs(reply))


def _read_located(request: c.Locate, reply: Any) -> c.Located:
    ready, held, revoked, unseen = reply
    sightings = (c.QueuedMatch(ready[at].decode(), ready[at + 1], ready[at + 2]) for at in range(0, len(ready), 3))
    holdings = (holding_of(*held[at : at + 5]) for at in range(0, len(held), 5))
    return c.Located(tuple(sightings), tuple(holdings), revoked == 1, tuple(name.decode() for name in unseen))


VERBS: dict[type, Verb] = {
    c.Enqueue: Verb(_enqueue, lambda request, reply: c.Enqueued(read_truths(request, reply))),
    c.Share: Verb(_share, lambda request, reply: c.Shared(reply[0].decode(), int(reply[1]), reply[2])),
    c.Stats: Verb(_stats, _read_stats),
    c.Pause: Verb(_pause, nothing),
    c.Peek: Verb(_peek, _read_peeked),
    c.Purge: Verb(_purge, lambda request, reply: int(reply)),
    c.Locate: Verb(_locate, _read_located),
}
