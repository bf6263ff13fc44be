"""The contract as a pure state machine: `State.apply(request, now)` and nothing else.

Real stores are compared with this one by random sequences of requests, and the simulation of crashes runs
on it, so it is written for obviousness: no clock, no lock, no thread. `now` is in milliseconds.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from celeriac.exceptions import LeaseLost
from celeriac.store import contract as c

R = TypeVar("R")


@dataclass(slots=True)
class OpenedLease:
    """An open lease: who holds it, how often it has beaten, and the claims under it in claim order."""

    epoch: str
    record: c.WorkerRecord
    beat: int = 0
    claims: dict[str, c.Claim] = field(default_factory=dict)


@dataclass(slots=True)
class Chord:
    """The values of a chord so far, and whether its advance was handed out."""

    slots: dict[int, bytes] = field(default_factory=dict)
    advanced: bool = False


class State:
    """All that a store knows, and one method per request."""

    def __init__(self) -> None:
        self.queues: dict[str, dict[int, deque[bytes]]] = defaultdict(lambda: defaultdict(deque))
        self.leases: dict[str, OpenedLease] = {}
        self.delayed: list[tuple[int, int, c.Message]] = []
        self.results: dict[str, bytes] = {}
        self.chords: dict[str, Chord] = defaultdict(Chord)
        self.dead: list[c.DeadLetter] = []
        self._remembered: dict[str, int] = {}
        self._count = 0

    def apply(self, request: c.Request[R], now: int) -> R:
        """Perform a request at a time."""
        method = cast("Callable[[Any, int], R]", getattr(self, f"_{type(request).__name__}"))
        return method(request, now)

    def _Enqueue(self, request: c.Enqueue, now: int) -> c.Enqueued:
        horizon = now - c.ENQUEUE_MEMORY_SECONDS * 1000
        while self._remembered and next(iter(self._remembered.values())) <= horizon:
            del self._remembered[next(iter(self._remembered))]
        return c.Enqueued(tuple(self._accept(message, now) for message in request.messages))

    def _accept(self, message: c.Message, now: int) -> bool:
        if message.id in self._remembered:
            return False
        self._remembered[message.id] = now
        self._push(message, now)
        return True

    def _push(self, message: c.Message, now: int) -> None:
        if message.delay <= 0:
            self.queues[message.queue][message.priority].append(message.raw)
        else:
            self._delay(message, now + message.delay)

    def _delay(self, message: c.Message, due: int) -> None:
        self._count += 1
        insort(self.delayed, (due, self._count, message))

    def _OpenLease(self, request: c.OpenLease, now: int) -> None:
        held = self.leases.get(request.lease.worker)
        if held is None or held.epoch != request.lease.epoch:
            if held is not None:
                self._give_back(held.claims.values())
            self.leases[request.lease.worker] = OpenedLease(request.lease.epoch, request.record)

    def _CloseLease(self, request: c.CloseLease, now: int) -> None:
        lease = self._open(request.lease)
        self._give_back(lease.claims.values())
        del self.leases[request.lease.worker]

    def _open(self, lease: c.Lease) -> OpenedLease:
        held = self.leases.get(lease.worker)
        if held is None or held.epoch != lease.epoch:
            raise LeaseLost(f"lease {lease.epoch} of {lease.worker} is not open")
        return held

    def _give_back(self, claims: Iterable[c.Claim]) -> None:
        for claim in reversed(list(claims)):
            self.queues[claim.queue][claim.priority].appendleft(claim.raw)

    def _Finish(self, request: c.Finish, now: int) -> c.Finished:
        lease = self._open(request.lease)
        numbers = iter(range(request.first, 1 << 62))

        def hold(queue: str, raw: bytes, priority: int) -> c.Claim:
            claim = c.Claim(f"{lease.epoch}:{next(numbers)}", queue, raw, priority)
            lease.claims[claim.id] = claim
            return claim

        lost, claims = [], []
        for outcome in request.outcomes:
            if lease.claims.pop(outcome.claim, None) is None:
                lost.append(outcome.claim)
                continue
            chord = self._settle(outcome, now)
            if chord:
                claims.append(hold(c.ADVANCE_QUEUE, chord.encode(), 0))
        size, taken = 0, 0
        for queue in (c.ADVANCE_QUEUE, *request.queues) if request.count else ():
            for priority in sorted(self.queues[queue]):
                waiting = self.queues[queue][priority]
                while waiting and taken < request.count and size < request.max_bytes:
                    claims.append(hold(queue, waiting.popleft(), priority))
                    size, taken = size + len(claims[-1].raw), taken + 1
        return c.Finished(tuple(lost), tuple(claims), self._next_due(now))

    def _settle(self, outcome: c.Outcome, now: int) -> str:
        """Do what an outcome says; the chord it completes, if it does."""
        if outcome.result is not None:
            self.results[outcome.task] = outcome.result
        for message in outcome.successors:
            self._push(message, now)
        if outcome.dead is not None:
            self.dead.append(outcome.dead)
        if outcome.clears:
            self.chords.pop(outcome.clears, None)
        if outcome.slot is None:
            return ""
        chord = self.chords[outcome.slot.chord]
        chord.slots.setdefault(outcome.slot.index, outcome.slot.value)
        if len(chord.slots) < outcome.slot.size or chord.advanced:
            return ""
        chord.advanced = True
        return outcome.slot.chord

    def _next_due(self, now: int) -> int:
        return max(0, self.delayed[0][0] - now) if self.delayed else -1

    def _Start(self, request: c.Start, now: int) -> c.Lost:
        lease, lost = self._open(request.lease), []
        for begin in request.begins:
            claim = lease.claims.get(begin.claim)
            if claim is None:
                lost.append(begin.claim)
                continue
            started = claim.started or begin.once
            lease.claims[claim.id] = c.Claim(claim.id, claim.queue, claim.raw, claim.priority, started)
            if begin.result is not None:
                self.results[begin.task] = begin.result
        return c.Lost(tuple(lost))

    def _Release(self, request: c.Release, now: int) -> c.Lost:
        lease, lost = self._open(request.lease), []
        for item in reversed(request.returns):
            claim = lease.claims.pop(item.claim, None)
            if claim is None:
                lost.append(item.claim)
            else:
                raw = claim.raw if item.raw is None else item.raw
                self.queues[claim.queue][claim.priority].appendleft(raw)
        return c.Lost(tuple(reversed(lost)))

    def _Defer(self, request: c.Defer, now: int) -> c.Lost:
        lease, lost = self._open(request.lease), []
        for item in request.deferrals:
            claim = lease.claims.pop(item.claim, None)
            if claim is None:
                lost.append(item.claim)
            else:
                raw = claim.raw if item.raw is None else item.raw
                self._delay(c.Message(item.id, claim.queue, raw, claim.priority), item.due)
        return c.Lost(tuple(lost))

    def _Promote(self, request: c.Promote, now: int) -> c.Promoted:
        due = [entry for entry in self.delayed[: request.limit] if entry[0] <= now]
        del self.delayed[: len(due)]
        for _, _, message in due:
            self.queues[message.queue][message.priority].append(message.raw)
        return c.Promoted(len(due), self._next_due(now))

    def _Beat(self, request: c.Beat, now: int) -> c.Beaten:
        self._open(request.lease).beat += 1
        peers = [c.Peer(worker, held.epoch, held.beat, None, held.record) for worker, held in self.leases.items()]
        return c.Beaten(tuple(sorted(peers, key=lambda peer: peer.worker)), self._next_due(now))

    def _Reap(self, request: c.Reap, now: int) -> c.Reaped:
        reaper, peer = self._open(request.lease), request.peer
        dead = self.leases.get(peer.worker)
        if dead is None or dead is reaper or (dead.epoch, dead.beat) != (peer.epoch, peer.beat):
            return c.Reaped()
        moved = []
        for number, old in enumerate(list(dead.claims.values())[: request.limit], request.first):
            del dead.claims[old.id]
            claim = c.Claim(f"{reaper.epoch}:{number}", old.queue, old.raw, old.priority, old.started)
            reaper.claims[claim.id] = claim
            moved.append(claim)
        if not dead.claims:
            del self.leases[peer.worker]
        return c.Reaped(tuple(moved))

    def _Reconcile(self, request: c.Reconcile, now: int) -> c.Reconciled:
        held, known = self._open(request.lease).claims, set(request.known)
        unknown = tuple(claim for id, claim in held.items() if id not in known)
        return c.Reconciled(unknown, tuple(id for id in request.known if id not in held))

    def _ReadResults(self, request: c.ReadResults, now: int) -> tuple[bytes | None, ...]:
        return tuple(self.results.get(task) for task in request.tasks)

    def _Forget(self, request: c.Forget, now: int) -> None:
        for task in request.tasks:
            self.results.pop(task, None)

    def _ReadSlots(self, request: c.ReadSlots, now: int) -> tuple[bytes | None, ...]:
        chord = self.chords.get(request.chord, Chord())
        return tuple(chord.slots.get(index) for index in range(request.size))

    def _Stats(self, request: c.Stats, now: int) -> tuple[c.QueueStats, ...]:
        claimed = [claim.queue for lease in self.leases.values() for claim in lease.claims.values()]
        delayed = [message.queue for _, _, message in self.delayed]
        dead = [letter.queue for letter in self.dead]
        ready = {name: sum(map(len, levels.values())) for name, levels in self.queues.items()}
        known = {name for name, count in ready.items() if count} | {*claimed, *delayed, *dead}
        names = request.queues or tuple(sorted(known - {c.ADVANCE_QUEUE}))
        return tuple(
            c.QueueStats(name, ready.get(name, 0), delayed.count(name), claimed.count(name), dead.count(name))
            for name in names
        )

    def _DeadLetters(self, request: c.DeadLetters, now: int) -> tuple[c.DeadLetter, ...]:
        return tuple(reversed(self.dead[-request.limit :]))
