"""Each request of the contract as one Redis command, and its reply read back: pure, no connection here.

`encode(request, place)` gives the command, `decode(request, reply)` the contract's reply. Both doors, the
blocking one of producers and the asynchronous one of workers, send what is written here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from celeriac.store import contract as c
from celeriac.store.peers import is_reaped
from celeriac.store import letters
from celeriac.stores.redis import layout
from celeriac.stores.redis.prefix import Prefix
from celeriac.stores.redis.scripts import script

R = TypeVar("R")
Command = list[bytes]


class Place(Struct, frozen=True):
    """Which database this is, which one holds the results when it is another, how long they live."""

    db: int = 0
    results_db: int | None = None
    result_seconds: int = 86400
    dead_limit: int = c.DEAD_LETTER_LIMIT
    dead_seconds: float = c.DEAD_LETTER_SECONDS
    failed_limit: int = c.FAILED_LIMIT
    failed_seconds: float = c.FAILED_SECONDS
    prefix: Prefix = Prefix()

    @property
    def dead_ms(self) -> bytes:
        """How long dead letters live."""
        return b"%d" % (self.dead_seconds * 1000)

    def result_key(self, task: str) -> bytes:
        """The document of a task, and the channel it is published on."""
        return self.prefix.of_key(layout.result_key(task))

    @property
    def dead_bounds(self) -> tuple[bytes, bytes]:
        """How many dead letters are kept, and for how long."""
        return b"%d" % self.dead_limit, self.dead_ms

    @property
    def failed_ms(self) -> bytes:
        """How long failed tasks are kept."""
        return b"%d" % (self.failed_seconds * 1000)

    @property
    def other_db(self) -> bytes:
        """The results' database for a script: empty when it is the same."""
        return b"" if self.results_db is None else b"%d" % self.results_db


def encode(request: c.Request[Any], place: Place) -> Command:
    """The command of a request."""
    command = _ENCODERS[type(request)](request, place)
    return place.prefix.of(command) if place.prefix.given else command


def decode(request: c.Request[R], reply: Any) -> R:
    """The reply of a request."""
    result: R = _DECODERS[type(request)](request, reply)
    return result


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


_LEASE_KEYS = (layout.LEASES, layout.BEATS, layout.WORKERS, layout.QUEUES, layout.FLOORS)
_DELAYED_KEYS = (layout.DELAYED, layout.DELAYED_MESSAGES, layout.DELAYED_COUNTS, layout.DELAYED_IDS)
_INTAKE_KEYS = (*layout.SENT, *_DELAYED_KEYS, layout.QUEUES)
_DEAD_KEYS = (layout.DEAD, layout.DEAD_LETTERS, layout.DEAD_COUNTS)
_FAILED_KEYS = (layout.FAILED, layout.FAILED_LETTERS, layout.FAILED_COUNTS)


def _finish(request: c.Finish, place: Place) -> Command:
    lease = request.lease
    keys = [layout.LEASES, layout.claims_key(lease.worker), *_DELAYED_KEYS, *_DEAD_KEYS]
    keys += (layout.ADVANCE_LIST, layout.FLOORS, layout.QUEUES)
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
    keys = (layout.LEASES, claims, *_DELAYED_KEYS, *_DEAD_KEYS, started)
    arguments = [lease.worker.encode(), lease.epoch.encode(), *place.dead_bounds]
    for claim, raw, due, id in items:
        arguments += (claim.encode(), raw or b"", due.encode(), id.encode())
    return script("release").call(keys, arguments)


def _release(request: c.Release, place: Place) -> Command:
    return _give_back(request.lease, place, [(item.claim, item.raw, "", "") for item in request.returns])


def _defer(request: c.Defer, place: Place) -> Command:
    items = [(item.claim, item.raw, str(item.due), item.id) for item in request.deferrals]
    return _give_back(request.lease, place, items)


def _open(request: c.OpenLease, place: Place) -> Command:
    lease, record = request.lease, request.record
    claims, started = layout.held_keys(lease.worker)
    keys = (*_LEASE_KEYS, claims, layout.TOLD, *_DEAD_KEYS, started)
    arguments = [lease.worker.encode(), lease.epoch.encode(), msgspec.json.encode(record), *place.dead_bounds]
    return script("open").call(keys, arguments + [queue.encode() for queue in record.queues])


def _close(request: c.CloseLease, place: Place) -> Command:
    lease = request.lease
    claims, started = layout.held_keys(lease.worker)
    keys = (*_LEASE_KEYS, claims, layout.TOLD, *_DEAD_KEYS, started)
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


def _promote(request: c.Promote, place: Place) -> Command:
    return script("promote").call((*_DELAYED_KEYS, *_DEAD_KEYS), [b"%d" % request.limit, *place.dead_bounds])


_REVOKED_KEYS = (layout.FLOORS, layout.REVOKED, layout.REVOKED_ENDS, layout.REVOKED_ENTRIES)


def _revoke(request: c.Revoke, place: Place) -> Command:
    arguments = [place.other_db, b"%d" % place.db, b"%d" % place.result_seconds]
    for item in request.revocations:
        arguments += (
            item.task.encode(),
            layout.result_key(item.task),
            item.result,
            b"1" if item.terminate else b"",
            item.signal.encode(),
            b"%d" % (item.seconds * 1000),
        )
    return script("revoke").call((*_DELAYED_KEYS, *_REVOKED_KEYS), arguments)


def _revocations(request: c.Revocations, place: Place) -> Command:
    return script("revocations").call(_REVOKED_KEYS, [b"%d" % request.since])


def _read_results(request: c.ReadResults, place: Place) -> Command:
    return [b"MGET", *_result_keys(request.tasks)]


def _result_keys(tasks: tuple[str, ...]) -> Command:
    """The keys of results; for no task at all one that is never there, because Redis wants at least one."""
    return [layout.result_key(task) for task in tasks] or [layout.NO_RESULT]


def _note(request: c.Note, place: Place) -> Command:
    document = [layout.result_key(request.task), request.document]
    return script("note").call((), [b"%d" % place.result_seconds, *document])


def _forget(request: c.Forget, place: Place) -> Command:
    return [b"UNLINK", *_result_keys(request.tasks)]


def _save_group(request: c.SaveGroup, place: Place) -> Command:
    return [b"SET", layout.group_key(request.group), request.document, b"EX", b"%d" % place.result_seconds]


def _read_group(request: c.ReadGroup, place: Place) -> Command:
    return [b"GET", layout.group_key(request.group)]


def _drop_group(request: c.DropGroup, place: Place) -> Command:
    return [b"UNLINK", layout.group_key(request.group)]


def _read_slots(request: c.ReadSlots, place: Place) -> Command:
    return [b"HMGET", layout.chord_key(request.chord), *(b"%d" % index for index in range(request.size))]


def _stats(request: c.Stats, place: Place) -> Command:
    keys = (
        layout.QUEUES,
        layout.LEASES,
        layout.DELAYED_COUNTS,
        layout.DEAD_COUNTS,
        layout.FLOORS,
        layout.FAILED_COUNTS,
    )
    return script("stats").call(keys, [queue.encode() for queue in request.queues])


def _dead_letters(request: c.DeadLetters, place: Place) -> Command:
    after = b"%d" % request.after if request.after else b""
    arguments = [b"%d" % request.limit, after, b"%d" % request.max_bytes, _letter_ms(request, place)]
    return script("letters").call(_letter_keys(request)[:2], arguments)


_AboutLetters = c.DeadLetters | c.ReadDead | c.Replay | c.DropDead


def _letter_keys(request: _AboutLetters) -> tuple[bytes, ...]:
    return _FAILED_KEYS if request.failed else _DEAD_KEYS


def _letter_ms(request: _AboutLetters, place: Place) -> bytes:
    return place.failed_ms if request.failed else place.dead_ms


def _read_dead(request: c.ReadDead, place: Place) -> Command:
    return script("letter").call(_letter_keys(request)[:2], [request.id.encode(), _letter_ms(request, place)])


def _replay(request: c.Replay, place: Place) -> Command:
    arguments = [place.other_db, b"%d" % place.db]
    for item in request.revivals:
        key = layout.list_key(item.queue, item.priority)
        arguments += (item.id.encode(), key, item.queue.encode(), item.raw)
        arguments.append(layout.result_key(item.task))
    return script("replay").call((*_letter_keys(request), layout.QUEUES), arguments)


def _drop_dead(request: c.DropDead, place: Place) -> Command:
    return script("drop_dead").call(_letter_keys(request), [id.encode() for id in request.ids])


def _delayed(request: c.Delayed, place: Place) -> Command:
    due, _, id = request.after.partition("\n")
    words = (str(request.limit), str(request.max_bytes), request.prefix, due, id)
    lists = [layout.list_key(request.queue, step) for step in layout.STEPS] if request.queue else []
    return script("delayed_page").call(_DELAYED_KEYS, [word.encode() for word in words] + lists)


def _read_delayed(request: c.ReadDelayed, place: Place) -> Command:
    return script("delayed_read").call(_DELAYED_KEYS[:2], [id.encode() for id in request.ids])


def _adjust_delayed(request: c.AdjustDelayed, place: Place) -> Command:
    arguments: Command = []
    for item in request.adjustments:
        delay = b"" if item.delay is None else b"%d" % item.delay
        changed = b"" if item.raw is None else b"1"
        arguments += (item.id.encode(), delay, changed, item.raw or b"", (item.queue or "").encode())
    return script("delayed_adjust").call((*_DELAYED_KEYS, layout.QUEUES), arguments)


def _cancel_delayed(request: c.CancelDelayed, place: Place) -> Command:
    arguments = [place.other_db, b"%d" % place.db, b"%d" % place.result_seconds]
    for item in request.cancellations:
        arguments += (item.id.encode(), layout.result_key(item.task), item.result)
    return script("delayed_cancel").call(_DELAYED_KEYS, arguments)


def _pause(request: c.Pause, place: Place) -> Command:
    arguments = [b"1" if request.paused else b""]
    for queue in request.queues:
        arguments += (queue.encode(), *layout.lists_of(queue))
    return script("pause").call((layout.FLOORS, layout.QUEUES), arguments)


def _peek(request: c.Peek, place: Place) -> Command:
    arguments = [b"%d" % request.limit, b"%d" % request.max_bytes, b"1" if request.heads else b""]
    return script("peek").call(layout.served_from(request.queue), arguments)


def _purge(request: c.Purge, place: Place) -> Command:
    return script("purge").call(layout.served_from(request.queue), [b"%d" % request.limit])


def _locate(request: c.Locate, place: Place) -> Command:
    keys = (layout.QUEUES, layout.LEASES, layout.REVOKED_ENDS)
    return script("locate").call(keys, [request.task.encode(), b"%d" % request.depth])


def _claim_of(id: bytes, value: bytes) -> c.Claim:
    key, flags, raw = value.split(b"\n", 2)
    queue, priority = layout.read_list_key(key)
    return c.Claim(id.decode(), queue, raw, priority, flags.endswith(b"s"))


def _pairs(flat: list[bytes]) -> list[tuple[bytes, bytes]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def _read_finished(request: c.Finish, reply: Any) -> c.Finished:
    lost, taken, next_due, revision, *_ = reply
    claims = []
    epoch, number = request.lease.epoch, request.first
    for key, raw in zip(taken[::2], taken[1::2], strict=True):
        queue, priority = layout.read_list_key(key)
        claims.append(c.Claim(f"{epoch}:{number}", queue, raw, priority))
        number += 1
    return c.Finished(tuple([id.decode() for id in lost]), tuple(claims), int(next_due), revision)


def _read_lost(request: c.Request[Any], reply: Any) -> c.Lost:
    return c.Lost(_read_ids(request, reply))


def _read_started(request: c.Start, reply: Any) -> c.Lost:
    """In the order in which they were named."""
    lost = set(_read_ids(request, reply))
    return c.Lost(tuple([begin.claim for begin in request.begins if begin.claim in lost]) if lost else ())


def _read_beaten(request: c.Beat, reply: Any) -> c.Beaten:
    leases, beats, records, next_due, revision = reply
    counted, recorded = dict(_pairs(beats)), dict(_pairs(records))
    peers = []
    for worker, epoch in sorted(_pairs(leases)):
        record = msgspec.json.decode(recorded.get(worker, b"{}"), type=c.WorkerRecord)
        peers.append(_peer_of(worker, epoch, int(counted.get(worker, 0)), record))
    return c.Beaten(tuple(peers), int(next_due), revision)


def _peer_of(worker: bytes, epoch: bytes, beat: int, record: c.WorkerRecord) -> c.Peer:
    lease = epoch.decode()
    return c.Peer(worker.decode(), lease, beat, is_reaped(lease) or None, record)


def _read_revoked(request: c.Revocations, reply: Any) -> c.Revoked:
    revision, found = reply
    entries = []
    for task, left, value in zip(found[::3], found[1::3], found[2::3], strict=True):
        terminate, signal, document = value.split(b"\n", 2)
        entries.append(c.Revocation(task.decode(), document, terminate == b"1", signal.decode(), left / 1000))
    return c.Revoked(revision, tuple(entries))


def _read_reconciled(request: c.Reconcile, reply: Any) -> c.Reconciled:
    unknown, missing = reply
    claims = tuple(_claim_of(id, value) for id, value in _pairs(unknown))
    return c.Reconciled(claims, tuple(id.decode() for id in missing))


def _read_letters(request: c.DeadLetters, reply: Any) -> tuple[c.DeadLetter, ...]:
    return tuple(_letter_of(*words) for words in zip(reply[::3], reply[1::3], reply[2::3], strict=True))


def _letter_of(id: bytes, number: bytes, value: bytes) -> c.DeadLetter:
    queue, known, raw = value.split(b"\n", 2)
    return letters.unpack(id.decode(), queue.decode(), raw, known, int(number) / 1000, int(number))


def _read_page(request: c.Delayed, reply: Any) -> c.DelayedPage:
    found, last = reply
    messages = (_delayed_of(found[at], found[at + 1 : at + 4]) for at in range(0, len(found), 4))
    return c.DelayedPage(tuple(messages), b"\n".join(last).decode())


def _delayed_of(id: bytes, words: list[bytes]) -> c.DelayedMessage:
    due, key, raw = words
    queue, priority = layout.read_list_key(key)
    return c.DelayedMessage(id.decode(), queue, raw, priority, int(due))


def _read_each_delayed(request: c.ReadDelayed, reply: Any) -> tuple[c.DelayedMessage | None, ...]:
    pairs = zip(request.ids, reply, strict=True)
    return tuple(_delayed_of(id.encode(), words) if words else None for id, words in pairs)


def _read_truths(request: c.Request[Any], reply: Any) -> tuple[bool, ...]:
    return tuple(number == 1 for number in reply)


def _read_ids(request: c.Request[Any], reply: Any) -> tuple[str, ...]:
    return tuple(id.decode() for id in reply)


def _read_stats(request: c.Stats, reply: Any) -> tuple[c.QueueStats, ...]:
    return tuple(_stats_of(*row) for row in reply)


def _stats_of(queue: bytes, *counts: int) -> c.QueueStats:
    ready, delayed, claimed, dead, paused, failed = map(int, counts)
    return c.QueueStats(queue.decode(), ready, delayed, claimed, dead, paused == 1, failed)


def paused_lists(reply: Any) -> frozenset[bytes]:
    """The lists of paused queues, of which nothing was claimed, from the reply to a `Finish`."""
    return frozenset(reply[4].split(b"\n")) if reply[4] else frozenset()


def strange_lists(reply: Any) -> frozenset[bytes]:
    """The lists to claim from whose keys hold something else, from the same."""
    return frozenset(reply[5].split(b"\n")[1:]) if reply[5] else frozenset()


def _read_peeked(request: c.Peek, reply: Any) -> tuple[c.Peeked, ...]:
    return tuple(c.Peeked(raw, layout.read_list_key(key)[1]) for key, raw in _pairs(reply))


def _read_located(request: c.Locate, reply: Any) -> c.Located:
    ready, held, revoked, unseen = reply
    sightings = (c.Sighting(ready[at].decode(), ready[at + 1], ready[at + 2]) for at in range(0, len(ready), 3))
    holdings = (_holding_of(*held[at : at + 5]) for at in range(0, len(held), 5))
    return c.Located(tuple(sightings), tuple(holdings), revoked == 1, tuple(name.decode() for name in unseen))


def _holding_of(worker: bytes, claim: bytes, key: bytes, flags: bytes, raw: bytes) -> c.Holding:
    since = int(flags.rstrip(b"s") or 0)
    return c.Holding(worker.decode(), claim.decode(), layout.read_list_key(key)[0], since, raw)


def _read_survey(request: c.Survey, reply: Any) -> tuple[c.WorkerSight, ...]:
    return tuple(_sight_of(*row) for row in reply)


def _sight_of(
    worker: bytes, epoch: bytes, beat: bytes, record: bytes, tally: bytes, quiet: int, count: int, held: list[bytes]
) -> c.WorkerSight:
    peer = _peer_of(worker, epoch, int(beat), msgspec.json.decode(record, type=c.WorkerRecord))
    holdings = tuple(_holding_of(worker, *held[at : at + 4]) for at in range(0, len(held), 4))
    return c.WorkerSight(peer, msgspec.json.decode(tally, type=c.Tally), quiet, count, holdings)


def _nothing(request: c.Request[Any], reply: Any) -> None:
    return None


_ENCODERS: dict[type, Callable[[Any, Place], Command]] = {
    c.Enqueue: _enqueue,
    c.Finish: _finish,
    c.Start: _start,
    c.Release: _release,
    c.Defer: _defer,
    c.OpenLease: _open,
    c.CloseLease: _close,
    c.Beat: _beat,
    c.Survey: _survey,
    c.Reap: _reap,
    c.Reconcile: _reconcile,
    c.Promote: _promote,
    c.Revoke: _revoke,
    c.Revocations: _revocations,
    c.ReadResults: _read_results,
    c.Note: _note,
    c.Forget: _forget,
    c.ReadSlots: _read_slots,
    c.Stats: _stats,
    c.DeadLetters: _dead_letters,
    c.ReadDead: _read_dead,
    c.Replay: _replay,
    c.DropDead: _drop_dead,
    c.Delayed: _delayed,
    c.ReadDelayed: _read_delayed,
    c.AdjustDelayed: _adjust_delayed,
    c.CancelDelayed: _cancel_delayed,
    c.Pause: _pause,
    c.Peek: _peek,
    c.Purge: _purge,
    c.Locate: _locate,
    c.Share: _share,
    c.SaveGroup: _save_group,
    c.ReadGroup: _read_group,
    c.DropGroup: _drop_group,
}
_DECODERS: dict[type, Callable[[Any, Any], Any]] = {
    c.Enqueue: lambda request, reply: c.Enqueued(_read_truths(request, reply)),
    c.Finish: _read_finished,
    c.Start: _read_started,
    c.Release: _read_lost,
    c.Defer: _read_lost,
    c.OpenLease: _nothing,
    c.CloseLease: _nothing,
    c.Beat: _read_beaten,
    c.Survey: _read_survey,
    c.Reap: lambda request, reply: c.Reaped(tuple(_claim_of(id, value) for id, value in _pairs(reply))),
    c.Reconcile: _read_reconciled,
    c.Promote: lambda request, reply: c.Promoted(int(reply[0]), int(reply[1])),
    c.Revoke: lambda request, reply: c.Ended(_read_ids(request, reply)),
    c.Revocations: _read_revoked,
    c.ReadResults: lambda request, reply: tuple(reply[: len(request.tasks)]),
    c.Note: _nothing,
    c.Forget: _nothing,
    c.ReadSlots: lambda request, reply: tuple(reply),
    c.Stats: _read_stats,
    c.DeadLetters: _read_letters,
    c.ReadDead: lambda request, reply: _letter_of(*reply) if reply else None,
    c.Replay: _read_ids,
    c.DropDead: _read_ids,
    c.Delayed: _read_page,
    c.ReadDelayed: _read_each_delayed,
    c.AdjustDelayed: _read_truths,
    c.CancelDelayed: _read_truths,
    c.Pause: _nothing,
    c.Peek: _read_peeked,
    c.Purge: lambda request, reply: int(reply),
    c.Locate: _read_located,
    c.Share: lambda request, reply: c.Shared(reply[0].decode(), int(reply[1]), reply[2]),
    c.SaveGroup: _nothing,
    c.ReadGroup: lambda request, reply: reply,
    c.DropGroup: _nothing,
}
RESULT_REQUESTS = (c.ReadResults, c.Note, c.Forget, c.SaveGroup, c.ReadGroup, c.DropGroup)
"""Requests that go to the database of the results."""
