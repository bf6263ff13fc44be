"""A store beside the memory store: the same random requests, and the same replies.

The requests are drawn from what the memory store knows at that moment, so that most of them hit something;
some name claims, leases and ids that are gone. What depends on the clock or on the store is compared in part:
of the time until a message is due only whether there is one (delays are none or an hour), of messages due at
the same time only that they are there, of peers only who they are, of dead letters and delayed messages not
the time, of all queues those that are not empty.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec

from celeriac.exceptions import LeaseLost
from celeriac.stores import contract as c
from celeriac.stores.memory.state import State

_WORKERS = ("w1", "w2", "w3")
_QUEUES = ("q1", "q2", "q3")
_PRIORITIES = (0, 0, 0, 3, 6, 9)
_CHORDS = ("chord1", "chord2")
_CHORD_SIZE = 3
_TASKS = tuple(f"task{number}" for number in range(12))
_HOUR = 3_600_000


def compare(store: c.Store, source: random.Random, steps: int, die: Callable[[c.Store, c.Lease], None]) -> None:
    """Perform `steps` random requests on an empty store, and then look at all there is.

    `die` makes the holder of a lease die, as in `StoreConformance`. Raises `AssertionError` at the first
    difference, with the requests that led to it.
    """
    comparison = Comparison(store, source, die)
    for _ in range(steps):
        comparison.step()
    comparison.look_at_everything()


class Comparison:
    """A store, the memory store's state, and the requests that both have performed."""

    def __init__(self, store: c.Store, source: random.Random, die: Callable[[c.Store, c.Lease], None]) -> None:
        self._store = store
        self._model = State()
        self._random = source
        self._die = die
        self._leases: list[c.Lease] = []
        self._gone: list[str] = ["nobody:1"]
        self._numbers = count(1)
        self._performed: list[c.Request[Any]] = []
        self._steps: tuple[tuple[int, Callable[[], None]], ...] = (
            (8, self._enqueue),
            (12, self._finish),
            (3, self._release),
            (3, self._defer),
            (3, self._start),
            (2, self._promote),
            (2, self._revoke),
            (2, self._change_delayed),
            (2, self._change_dead),
            (2, self._open),
            (1, self._close),
            (1, self._reap),
            (2, self._read),
            (1, self._pause),
            (1, self._inspect),
            (2, self._share),
            (1, self._save),
        )

    def step(self) -> None:
        """Perform one random request."""
        weights = [weight for weight, _ in self._steps]
        self._random.choices([action for _, action in self._steps], weights)[0]()

    def look_at_everything(self) -> None:
        """Compare what can be read, then claim all there is."""
        self._both(c.Stats(_QUEUES))
        self._both(c.Stats())
        self._both(c.DeadLetters(limit=1000))
        self._both(c.DeadLetters(limit=1000, failed=True))
        self._both(c.Delayed(limit=1000))
        self._both(c.ReadResults(_TASKS))
        self._both(c.Revocations())
        for chord in _CHORDS:
            self._both(c.ReadSlots(chord, _CHORD_SIZE))
        last = c.Lease("last", "last")
        self._both(c.OpenLease(last, c.WorkerRecord()))
        self._both(c.Heartbeat(last))
        for lease in self._leases:
            self._both(c.Reconcile(lease, tuple(self._gone)))
        for lease in self._leases:
            if self._is_open(lease):
                self._both(c.CloseLease(lease))
        self._both(c.Pause(_QUEUES, False))
        self._both(c.Finish(last, queues=_QUEUES, count=10_000, first=1))

    def _both(self, request: c.Request[Any], to_store: c.Request[Any] | None = None) -> Any:
        """Perform a request on both sides (the store's may differ) and compare; the model's reply."""
        self._performed.append(request)
        expected = _outcome(lambda: self._model.apply(request, time.time_ns() // 1_000_000))
        actual = _outcome(lambda: self._store.run(to_store or request))
        if _comparable(request, expected) != _comparable(request, actual):
            story = "\n".join(f"  {number}. {step}" for number, step in enumerate(self._performed))
            raise AssertionError(f"expected {expected}\nbut got  {actual}\nafter\n{story}")
        return expected

    def _enqueue(self) -> None:
        self._both(c.Enqueue(tuple(self._message(self._some_id()) for _ in range(self._random.randrange(4)))))

    def _share(self) -> None:
        """Under few keys; mostly of a task and a message that are new, sometimes in place of one that may be there."""
        choice, draw = self._random.choice, self._random.randrange
        task, number = choice(_TASKS), next(self._numbers)
        message = self._message(choice((f"share{number}", f"share{number}", self._some_id())))
        stale = choice(("", task, choice(_TASKS)))
        self._both(c.Share(f"key{draw(4)}", task, message, b"pending %d" % number, 60, stale))

    def _save(self) -> None:
        group = f"group{self._random.randrange(3)}"
        self._both(self._random.choice((c.SaveGroup(group, b"%d" % next(self._numbers)), c.DropGroup(group))))
        self._both(c.ReadGroup(group))
        self._both(c.Note(self._random.choice(_TASKS), b"noted %d" % next(self._numbers)))

    def _pause(self) -> None:
        """Mostly the other way, lest nothing moves."""
        queues = tuple(self._random.sample(_QUEUES, self._random.randrange(3)))
        self._both(c.Pause(queues, self._random.randrange(3) == 0))

    def _inspect(self) -> None:
        draw, queue = self._random.randrange, self._random.choice(_QUEUES)
        self._both(c.Peek(queue, draw(5), draw(1, 100), draw(2) == 0))
        self._both(c.Locate(str(draw(40)), draw(1, 6)))
        if not draw(4):
            self._both(c.Purge(queue, draw(4)))

    def _some_id(self) -> str:
        return f"id{self._random.randrange(60)}"

    def _message(self, id: str) -> c.Message:
        choice = self._random.choice
        delay = choice((0, 0, 0, 0, _HOUR))
        id = choice((id, id, f"{id}:{self._random.randrange(3)}"))
        return c.Message(id, choice(_QUEUES), b"%d" % next(self._numbers), choice(_PRIORITIES), delay)

    def _finish(self) -> None:
        lease = self._some_lease()
        outcomes = tuple(self._outcome(claim) for claim in self._some_claims(lease))
        queues = tuple(self._random.sample(_QUEUES, self._random.randrange(4)))
        self._both(c.Finish(lease, outcomes, queues, self._random.randrange(5), first=self._reserve(10)))
        self._gone += [outcome.claim for outcome in outcomes]

    def _outcome(self, claim: str) -> c.Outcome:
        draw, choice = self._random.randrange, self._random.choice
        successors = tuple(self._message(f"s{next(self._numbers)}") for _ in range(choice((0, 0, 1, 2))))
        value = b"value %d" % next(self._numbers)
        clears = choice(("", "", "", *_CHORDS))
        slot = c.Slot(choice(_CHORDS), draw(_CHORD_SIZE), _CHORD_SIZE, value) if draw(2) and not clears else None
        dead = self._letter(value) if not draw(3) else None
        result = b"document %d" % next(self._numbers) if draw(3) else None
        return c.Outcome(claim, choice(_TASKS), result, successors, slot, dead, clears)

    def _letter(self, raw: bytes) -> c.DeadLetter:
        """Of an id that another may have."""
        choice, draw = self._random.choice, self._random.randrange
        attempts = tuple(c.Attempt(float(number), "w1", "E", "line\nline") for number in range(draw(3)))
        about: dict[str, Any] = {
            "cause": choice(tuple(c.Cause)),
            "task": "task",
            "attempts": attempts,
            "failed": draw(2) == 0,
        }
        return c.DeadLetter(f"m{draw(8)}", choice(_QUEUES), raw, "why\nso", draw(9), **about)

    def _release(self) -> None:
        lease = self._some_lease()
        self._both(c.Release(lease, tuple(c.Return(claim, self._some_raw()) for claim in self._some_claims(lease))))

    def _defer(self) -> None:
        lease = self._some_lease()
        self._both(c.Defer(lease, tuple(self._deferral(claim) for claim in self._some_claims(lease))))

    def _deferral(self, claim: str) -> c.Deferral:
        """Due in 1970, at a time of its own, or in an hour."""
        number = next(self._numbers)
        due = number * 1000 + self._random.randrange(1_000_000) if self._random.randrange(3) else _now() + _HOUR
        return c.Deferral(claim, self._random.choice((f"d{number}", self._some_id())), due, self._some_raw())

    def _some_raw(self) -> bytes | None:
        return self._random.choice((None, b"changed %d" % next(self._numbers)))

    def _start(self) -> None:
        lease = self._some_lease()
        begins = (
            c.StartItem(claim, self._random.choice(_TASKS), self._some_raw(), self._random.choice((False, True)))
            for claim in self._some_claims(lease)
        )
        self._both(c.Start(lease, tuple(begins)))

    def _promote(self) -> None:
        self._both(c.Promote(self._random.choice((1, 2, 256))))

    def _revoke(self) -> None:
        """Some tasks that are delayed, and some that may be."""
        known = [id.partition(":")[0].partition("#")[0] for id in self._model.delayed_by_id]
        tasks = self._random.choices([*known, *_TASKS, "stranger"], k=self._random.randrange(1, 4))
        result = b'{"status": "REVOKED"} %d' % next(self._numbers)
        self._both(c.Revoke(tuple(c.Revocation(task, result, self._random.random() < 0.3) for task in tasks)))
        self._both(c.Revocations(self._random.randrange(self._model.revision + 1)))

    def _change_delayed(self) -> None:
        choice, draw = self._random.choice, self._random.randrange
        ids = [choice([*self._model.delayed_by_id, "stranger"]) for _ in range(draw(1, 4))]
        self._both(c.ReadDelayed(tuple(ids)))
        if draw(3):
            self._both(c.AdjustDelayed(tuple(self._adjustment(id) for id in ids)))
        else:
            self._both(c.CancelDelayed(tuple(c.Cancellation(id, choice(_TASKS), b"cancelled") for id in ids)))
        self._both(c.Delayed(choice(("", *_QUEUES)), choice(("", "i", "id1", "s")), limit=1000))

    def _adjustment(self, id: str) -> c.Adjustment:
        """Due in an hour, or for so long that it is due before or after any other, whatever the clocks say."""
        choice, overdue = self._random.choice, -1000 * next(self._numbers)
        return c.Adjustment(id, choice((None, overdue, _HOUR)), self._some_raw(), choice((None, *_QUEUES)))

    def _change_dead(self) -> None:
        choice, draw = self._random.choice, self._random.randrange
        failed = draw(2) == 0
        ids = [choice([*self._model.dead, *self._model.failed, "stranger"]) for _ in range(draw(1, 4))]
        self._both(c.ReadDead(ids[0], failed))
        if draw(2):
            self._both(c.Replay(tuple(self._revival(id) for id in ids), failed))
        else:
            self._both(c.DeleteDeadLetters(tuple(ids), failed))
        self._both(c.DeadLetters(limit=draw(1, 20), failed=failed))

    def _revival(self, id: str) -> c.ReplayItem:
        choice = self._random.choice
        return c.ReplayItem(id, b"%d" % next(self._numbers), choice(_QUEUES), choice(_PRIORITIES), choice(_TASKS))

    def _open(self) -> None:
        if self._leases and self._random.randrange(2):
            lease = self._random.choice(self._leases)
            if not self._is_open(lease):
                return
        else:
            worker = self._random.choice(_WORKERS)
            if worker in self._model.leases:
                return
            lease = c.Lease(worker, f"epoch{next(self._numbers)}")
            self._leases.append(lease)
        self._both(c.OpenLease(lease, c.WorkerRecord(host="here", queues=_QUEUES)))

    def _close(self) -> None:
        self._both(c.CloseLease(self._some_lease()))

    def _reap(self) -> None:
        """A worker dies, and another looks at once and takes over."""
        reaper, dead = self._some_lease(), self._some_lease()
        if reaper.worker == dead.worker or not (self._is_open(reaper) and self._is_open(dead)):
            return
        self._die(self._store, dead)
        look = c.Heartbeat(reaper)
        expected, actual = self._model.apply(look, _now()), self._store.run(look)
        first, limit = self._reserve(1024), self._random.choice((2, 1024, 1024))
        requests = (c.Reap(reaper, _find(reply, dead), first, limit) for reply in (expected, actual))
        self._both(*requests)

    def _read(self) -> None:
        choice = self._random.choice
        self._both(c.ReadResults(tuple(self._random.choices(_TASKS, k=3))))
        self._both(c.ReadSlots(choice(_CHORDS), _CHORD_SIZE))
        self._both(c.Stats(_QUEUES))
        self._both(c.Heartbeat(self._some_lease()))
        self._both(c.Heartbeat(self._some_lease(), c.WorkerCounters(next(self._numbers), {choice(_QUEUES): 1})))
        self._both(c.ListWorkers(1000))
        if not self._random.randrange(4):
            self._both(c.Forget((choice(_TASKS),)))

    def _some_lease(self) -> c.Lease:
        """Mostly one that is open."""
        opened = [lease for lease in self._leases if self._is_open(lease)]
        if opened and self._random.randrange(12):
            return self._random.choice(opened)
        return self._random.choice([*self._leases, c.Lease("stranger", "never")])

    def _is_open(self, lease: c.Lease) -> bool:
        held = self._model.leases.get(lease.worker)
        return held is not None and held.epoch == lease.epoch

    def _some_claims(self, lease: c.Lease) -> list[str]:
        """Mostly claims that the lease holds; any of them at most once, in any order."""
        held = list(self._model.leases[lease.worker].claims) if self._is_open(lease) else []
        others = [id for other in self._model.leases.values() for id in other.claims]
        chosen = self._random.sample(held, self._random.randrange(min(4, len(held)) + 1))
        stray = self._random.choice([*self._gone, *others])
        return chosen if stray in chosen or self._random.randrange(6) else [*chosen, stray]

    def _reserve(self, size: int) -> int:
        return next(self._numbers) * 2048 + self._random.randrange(2048 - size)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _find(reply: c.HeartbeatReply, lease: c.Lease) -> c.Peer:
    return next(peer for peer in reply.peers if (peer.worker, peer.epoch) == (lease.worker, lease.epoch))


def _outcome(perform: Callable[[], Any]) -> Any:
    try:
        return perform()
    except LeaseLost:
        return LeaseLost


def _held(sight: c.WorkerInfo) -> list[tuple[str, str, bytes]]:
    return sorted((each.claim, each.queue, each.raw) for each in sight.holdings)


def _comparable(request: c.Request[Any], reply: Any) -> Any:
    """A reply without what may differ."""
    if request == c.Stats():
        return {stats for stats in reply if stats != c.QueueStats(stats.queue)}
    match reply:
        case c.Finished(lost, claims, next_due, revision):
            return lost, claims, next_due >= 0, revision
        case c.Promoted(promoted, next_due):
            return promoted, next_due >= 0
        case c.HeartbeatReply(peers, next_due, revision):
            return sorted((peer.worker, peer.epoch, peer.record.host) for peer in peers), next_due >= 0, revision
        case c.Shared(task, _, document):
            return task, document
        case c.Revoked(revision, entries):
            return revision, [(entry.task, entry.result, entry.terminate, entry.signal) for entry in entries]
        case c.DeadLetter():
            return msgspec.structs.replace(reply, when=0.0, number=0)
        case c.DelayedMessage():
            return msgspec.structs.replace(reply, due=0)
        case (c.DeadLetter() | c.DelayedMessage() | None, *_):
            return [_comparable(request, item) for item in reply]
        case c.DelayedPage(messages, after):
            return sorted((m.id, m.queue, m.raw, m.priority) for m in messages), bool(after)
        case c.Located(ready, held, revoked, unseen):
            return ready, sorted((each.worker, each.claim, each.queue, each.raw) for each in held), revoked, unseen
        case (c.WorkerInfo(), *_):
            return [
                (each.peer.worker, each.peer.epoch, each.counters, each.quiet >= 0, each.held, _held(each))
                for each in reply
            ]
        case c.Reconciled(unknown, missing):
            return sorted((claim.id, claim.raw, claim.started) for claim in unknown), missing
    return reply
