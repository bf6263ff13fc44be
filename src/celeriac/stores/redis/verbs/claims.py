"""Claims: what ends, begins and returns, and what is claimed."""

from __future__ import annotations

from typing import Any

from celeriac.stores import contract as c
from celeriac.stores.contract import dead_letters as letters
from celeriac.stores.redis import layout
from celeriac.stores.redis.scripts import script
from celeriac.stores.redis.verbs.verb import DEAD_KEYS, DELAYED_KEYS, Command, Place, Verb, read_ids


def _finish(request: c.Finish, place: Place) -> Command:
    lease = request.lease
    keys = [layout.LEASES, layout.claims_key(lease.worker), *DELAYED_KEYS, *DEAD_KEYS]
    keys += (layout.ADVANCE_LIST, layout.SESSIONS, layout.QUEUES)
    if request.count:
        keys += layout.sources(request.queues)
    arguments = [
        lease.worker.encode(),
        lease.epoch.encode(),
        b"%d" % request.count,
        b"%d" % request.max_bytes,
        b"%d" % request.first,
        place.other_db,
        b"%d" % place.db,
        b"%d" % place.result_seconds,
        *place.dead_bounds,
        b"%d" % len(request.outcomes),
    ]
    for outcome in request.outcomes:
        document = outcome.result
        key = b"" if document is None else layout.result_key(outcome.task)
        extras = _extras(outcome, place)
        arguments += (outcome.claim.encode(), key, document or b"", b"%d" % (len(extras) // 5))
        arguments += extras
    return script("finish").call(keys, arguments)


def _extras(outcome: c.Outcome, place: Place) -> Command:
    words: Command = []
    for message in outcome.successors:
        key = layout.list_key(message.queue, message.priority)
        words += (b"E", key, b"%d" % message.delay, message.id.encode(), message.raw)
    if outcome.slot is not None:
        slot = outcome.slot
        words += (b"S", layout.chord_key(slot.chord), b"%d" % slot.index, b"%d" % slot.size, slot.value)
    if outcome.dead is not None:
        dead = outcome.dead
        kind = b"F%d %b" % (place.failed_limit, place.failed_ms) if dead.failed else b"D"
        words += (kind, dead.id.encode(), dead.queue.encode(), letters.pack(dead), dead.raw)
    if outcome.clears:
        words += (b"C", layout.chord_key(outcome.clears), b"", b"", b"")
    return words


def _start(request: c.Start, place: Place) -> Command:
    lease = request.lease
    arguments = [lease.worker.encode(), lease.epoch.encode(), place.other_db, b"%d" % place.db]
    arguments.append(b"%d" % place.result_seconds)
    begins = request.begins
    marks = [begin.claim.encode() for begin in begins if begin.once and begin.result is None]
    arguments += (b"%d" % len(marks), *marks)
    for begin in begins if len(marks) < len(begins) else ():
        if not begin.once or begin.result is not None:
            key = b"" if begin.result is None else layout.result_key(begin.task)
            arguments += (begin.claim.encode(), key, begin.result or b"", b"1" if begin.once else b"")
    return script("start").call((layout.LEASES, *layout.held_keys(lease.worker)), arguments)


def _give_back(lease: c.Lease, place: Place, items: list[tuple[str, bytes | None, str, str]]) -> Command:
    claims, started = layout.held_keys(lease.worker)
    keys = (layout.LEASES, claims, *DELAYED_KEYS, *DEAD_KEYS, started)
    arguments = [lease.worker.encode(), lease.epoch.encode(), *place.dead_bounds]
    for claim, raw, due, id in items:
        arguments += (claim.encode(), raw or b"", due.encode(), id.encode())
    return script("release").call(keys, arguments)


def _release(request: c.Release, place: Place) -> Command:
    return _give_back(request.lease, place, [(item.claim, item.raw, "", "") for item in request.returns])


def _defer(request: c.Defer, place: Place) -> Command:
    items = [(item.claim, item.raw, str(item.due), item.id) for item in request.deferrals]
    return _give_back(request.lease, place, items)


def _read_finished(request: c.Finish, reply: Any) -> c.Finished:
    lost, taken, next_due, revision, *_ = reply
    claims = []
    epoch, number = request.lease.epoch, request.first
    for key, raw in zip(taken[::2], taken[1::2], strict=True):
        queue, priority = layout.read_list_key(key)
        claims.append(c.Claim(f"{epoch}:{number}", queue, raw, priority))
        number += 1
    return c.Finished(tuple([id.decode() for id in lost]), tuple(claims), int(next_due), revision)


def _read_lost(request: c.Request[Any], reply: Any) -> c.LostClaims:
    return c.LostClaims(read_ids(request, reply))


def _read_started(request: c.Start, reply: Any) -> c.LostClaims:
    """In the order in which they were named."""
    lost = set(read_ids(request, reply))
    return c.LostClaims(tuple([begin.claim for begin in request.begins if begin.claim in lost]) if lost else ())


def paused_lists(reply: Any) -> frozenset[bytes]:
    """The lists of paused queues, of which nothing was claimed, from the reply to a `Finish`."""
    return frozenset(reply[4].split(b"\n")) if reply[4] else frozenset()


def strange_lists(reply: Any) -> frozenset[bytes]:
    """The lists to claim from whose keys hold something else, from the same."""
    return frozenset(reply[5].split(b"\n")[1:]) if reply[5] else frozenset()


VERBS: dict[type, Verb] = {
    c.Finish: Verb(_finish, _read_finished),
    c.Start: Verb(_start, _read_started),
    c.Release: Verb(_release, _read_lost),
    c.Defer: Verb(_defer, _read_lost),
}
