"""The contract as a pure state machine: `State.apply(request, now)` and nothing else.

Real stores are compared with this one by random sequences of requests, and the simulation of crashes runs
on it, so it is written for obviousness: no clock, no lock, no thread. `now` is in milliseconds.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict, deque
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

from celeriac.exceptions import LeaseLost
from celeriac.stores import contract as c
from celeriac.stores.contract.delayed import is_attempt
from celeriac.stores.contract.workers import is_reaped

R = TypeVar("R")


@dataclass(slots=True)
class OpenedLease:
    """An open lease: who holds it, how many heartbeats it has sent, and the claims under it in claim order."""

    epoch: str
    record: c.WorkerRecord
    heartbeat: int = 0
    claims: dict[str, c.Claim] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    """When each was claimed; tidied at a heartbeat."""
    counters: c.WorkerCounters = field(default_factory=c.WorkerCounters)
    heard: int = 0


@dataclass(slots=True)
class Chord:
    """The values of a chord so far, and whether its advance was handed out."""

    slots: dict[int, bytes] = field(default_factory=dict)
    advanced: bool = False


class Remembered(NamedTuple):
    """A revocation, the revision that it made, and until when it is remembered."""

    revision: int
    ends: int
    revocation: c.Revocation


def _peer(worker: str, held: OpenedLease) -> c.Peer:
    return c.Peer(worker, held.epoch, held.heartbeat, is_reaped(held.epoch) or None, held.record)


def claim_number(claim: c.Claim) -> int:
    """The second half of a claim id."""
    return int(claim.id.rpartition(":")[2])


class SharedCall(NamedTuple):
    """The call of a key: its task, when it was made, and until when the key stands for it."""

    task: str
    made: int
    ends: int


class State:
    """All that a store knows, and one method per request."""

    def __init__(
        self,
        dead_limit: int = c.DEAD_LETTER_LIMIT,
        dead_seconds: float = c.DEAD_LETTER_SECONDS,
        failed_limit: int = c.FAILED_LIMIT,
        failed_seconds: float = c.FAILED_SECONDS,
    ) -> None:
        self.queues: dict[str, dict[int, deque[bytes]]] = defaultdict(lambda: defaultdict(deque))
        self.leases: dict[str, OpenedLease] = {}
        self.delayed: list[tuple[int, int, c.Message]] = []
        self.delayed_by_id: dict[str, tuple[int, int, c.Message]] = {}
        self.results: dict[str, bytes] = {}
        self.chords: dict[str, Chord] = defaultdict(Chord)
        self.dead: dict[str, c.DeadLetter] = {}
        self.failed: dict[str, c.DeadLetter] = {}
        self._dead_bounds = (dead_limit, dead_seconds)
        self._failed_bounds = (failed_limit, failed_seconds)
        self._buried = 0
        self.paused: set[str] = set()
        self.shared: dict[str, SharedCall] = {}
        self.groups: dict[str, bytes] = {}
        self.revision = 0
        self.revocations: dict[str, Remembered] = {}
        self._remembered: dict[str, int] = {}
        self._count = 0

    def apply(self, request: c.Request[R], now: int) -> R:
        """Perform a request at a time."""
        method = cast("Callable[[Any, int], R]", getattr(self, f"_{type(request).__name__}"))
        return method(request, now)

    def _Enqueue(self, request: c.Enqueue, now: int) -> c.Enqueued:
        return c.Enqueued(tuple(self._accept(message, now) for message in request.messages))

    def _accept(self, message: c.Message, now: int) -> bool:
        horizon = now - c.ENQUEUE_MEMORY_SECONDS * 1000
        while self._remembered and next(iter(self._remembered.values())) <= horizon:
            del self._remembered[next(iter(self._remembered))]
        if message.id in self._remembered:
            return False
        self._remembered[message.id] = now
        self._push(message, now)
        return True

    def _Share(self, request: c.Share, now: int) -> c.Shared:
        self.shared = {key: call for key, call in self.shared.items() if call.ends > now}
        call = self.shared.get(request.key)
        if (call is None or call.task == request.stale) and self._accept(request.message, now):
            ends = now + int((request.seconds + c.SHARE_RUN_SECONDS) * 1000)
            call = self.shared[request.key] = SharedCall(request.task, now, ends)
            self.results[request.task] = request.document
        task, made = (request.task, now) if call is None else call[:2]
        return c.Shared(task, now - made, self.results.get(task))

    def _SaveGroup(self, request: c.SaveGroup, now: int) -> None:
        self.groups[request.group] = request.document

    def _ReadGroup(self, request: c.ReadGroup, now: int) -> bytes | None:
        return self.groups.get(request.group)

    def _DropGroup(self, request: c.DropGroup, now: int) -> None:
        self.groups.pop(request.group, None)

    def _push(self, message: c.Message, now: int) -> None:
        if message.delay <= 0:
            self.queues[message.queue][message.priority].append(message.raw)
        else:
            self._delay(message, now + message.delay)

    def _delay(self, message: c.Message, due: int) -> None:
        self._count += 1
        named = msgspec.structs.replace(message, id=free_name(message.id, self.delayed_by_id))
        self.delayed_by_id[named.id] = entry = (due, self._count, named)
        insort(self.delayed, entry)

    def _undelay(self, id: str) -> tuple[int, int, c.Message]:
        """Take a delayed message out."""
        entry = self.delayed_by_id.pop(id)
        del self.delayed[bisect_left(self.delayed, entry[:2], key=lambda other: other[:2])]
        return entry

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
            lease.since[claim.id] = now
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
            if queue in self.paused:
                continue
            for priority in sorted(self.queues[queue]):
                waiting = self.queues[queue][priority]
                while waiting and taken < request.count and size < request.max_bytes:
                    claims.append(hold(queue, waiting.popleft(), priority))
                    size, taken = size + len(claims[-1].raw), taken + 1
        return c.Finished(tuple(lost), tuple(claims), self._next_due(now), self.revision)

    def _settle(self, outcome: c.Outcome, now: int) -> str:
        """Do what an outcome says; the chord it completes, if it does."""
        if outcome.result is not None:
            self.results[outcome.task] = outcome.result
        for message in outcome.successors:
            self._push(message, now)
        if outcome.dead is not None:
            self._bury(outcome.dead, now)
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

    def _Start(self, request: c.Start, now: int) -> c.LostClaims:
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
        return c.LostClaims(tuple(lost))

    def _Release(self, request: c.Release, now: int) -> c.LostClaims:
        lease, lost = self._open(request.lease), []
        for item in reversed(request.returns):
            claim = lease.claims.pop(item.claim, None)
            if claim is None:
                lost.append(item.claim)
            else:
                raw = claim.raw if item.raw is None else item.raw
                self.queues[claim.queue][claim.priority].appendleft(raw)
        return c.LostClaims(tuple(reversed(lost)))

    def _Defer(self, request: c.Defer, now: int) -> c.LostClaims:
        lease, lost = self._open(request.lease), []
        for item in request.deferrals:
            claim = lease.claims.pop(item.claim, None)
            if claim is None:
                lost.append(item.claim)
            else:
                raw = claim.raw if item.raw is None else item.raw
                self._delay(c.Message(item.id, claim.queue, raw, claim.priority), item.due)
        return c.LostClaims(tuple(lost))

    def _Promote(self, request: c.Promote, now: int) -> c.Promoted:
        due = [entry for entry in self.delayed[: request.limit] if entry[0] <= now]
        del self.delayed[: len(due)]
        for _, _, message in due:
            del self.delayed_by_id[message.id]
            self.queues[message.queue][message.priority].append(message.raw)
        return c.Promoted(len(due), self._next_due(now))

    def _Heartbeat(self, request: c.Heartbeat, now: int) -> c.HeartbeatReply:
        own = self._open(request.lease)
        own.heartbeat += 1
        if request.counters is not None:
            own.counters, own.heard = request.counters, now
        own.since = {id: since for id, since in own.since.items() if id in own.claims}
        peers = [_peer(worker, held) for worker, held in self.leases.items()]
        return c.HeartbeatReply(tuple(sorted(peers, key=lambda peer: peer.worker)), self._next_due(now), self.revision)

    def _ListWorkers(self, request: c.ListWorkers, now: int) -> tuple[c.WorkerInfo, ...]:
        room, sights = request.max_bytes, []
        for worker, held in sorted(self.leases.items()):
            holdings = []
            for claim in sorted(held.claims.values(), key=claim_number)[: request.limit]:
                raw = claim.raw if room > 0 else b""
                room -= len(raw)
                holdings.append(c.HeldMessage(worker, claim.id, claim.queue, held.since.get(claim.id, 0), raw))
            peer = _peer(worker, held)
            sights.append(
                c.WorkerInfo(
                    peer, held.counters, now - held.heard if held.heard else -1, len(held.claims), tuple(holdings)
                )
            )
        return tuple(sights)

    def _Reap(self, request: c.Reap, now: int) -> c.Reaped:
        reaper, peer = self._open(request.lease), request.peer
        dead = self.leases.get(peer.worker)
        if dead is None or dead is reaper or (dead.epoch, dead.heartbeat) != (peer.epoch, peer.heartbeat):
            return c.Reaped()
        moved = []
        for number, old in enumerate(list(dead.claims.values())[: request.limit], request.first):
            del dead.claims[old.id]
            claim = c.Claim(f"{reaper.epoch}:{number}", old.queue, old.raw, old.priority, old.started)
            reaper.claims[claim.id] = claim
            reaper.since[claim.id] = dead.since.get(old.id, 0)
            moved.append(claim)
        if not dead.claims:
            del self.leases[peer.worker]
        elif not is_reaped(dead.epoch):
            dead.epoch += c.REAPED
        return c.Reaped(tuple(moved))

    def _Reconcile(self, request: c.Reconcile, now: int) -> c.Reconciled:
        held, known = self._open(request.lease).claims, set(request.known)
        unknown = tuple(claim for id, claim in held.items() if id not in known)
        return c.Reconciled(unknown, tuple(id for id in request.known if id not in held))

    def _Revoke(self, request: c.Revoke, now: int) -> c.Ended:
        self._forget_revocations(now)
        return c.Ended(tuple(item.task for item in request.revocations if self._ended_by(item, now)))

    def _ended_by(self, item: c.Revocation, now: int) -> bool:
        delayed = [id for id in self.delayed_by_id if is_attempt(id, item.task)]
        for id in delayed:
            self._undelay(id)
        if delayed:
            self._write_unless_final(item.task, item.result)
        else:
            self.revision += 1
            ends = now + int(item.seconds * 1000)
            self.revocations.pop(item.task, None)
            self.revocations[item.task] = Remembered(self.revision, ends, item)
        return bool(delayed)

    def _write_unless_final(self, task: str, document: bytes) -> None:
        if not c.is_final(self.results.get(task, b"")):
            self.results[task] = document

    def _forget_revocations(self, now: int) -> None:
        self.revocations = {task: entry for task, entry in self.revocations.items() if entry.ends > now}

    def _Revocations(self, request: c.Revocations, now: int) -> c.Revoked:
        self._forget_revocations(now)
        entries = [entry for entry in self.revocations.values() if entry.revision > request.since]
        left = (msgspec.structs.replace(item, seconds=(ends - now) / 1000) for _, ends, item in entries)
        return c.Revoked(self.revision, tuple(left))

    def _ReadResults(self, request: c.ReadResults, now: int) -> tuple[bytes | None, ...]:
        return tuple(self.results.get(task) for task in request.tasks)

    def _Note(self, request: c.Note, now: int) -> None:
        self._write_unless_final(request.task, request.document)

    def _Forget(self, request: c.Forget, now: int) -> None:
        for task in request.tasks:
            self.results.pop(task, None)

    def _ReadSlots(self, request: c.ReadSlots, now: int) -> tuple[bytes | None, ...]:
        chord = self.chords.get(request.chord, Chord())
        return tuple(chord.slots.get(index) for index in range(request.size))

    def _Stats(self, request: c.Stats, now: int) -> tuple[c.QueueStats, ...]:
        claimed = [claim.queue for lease in self.leases.values() for claim in lease.claims.values()]
        delayed = [message.queue for _, _, message in self.delayed]
        dead = [letter.queue for letter in self.dead.values()]
        ready = {name: sum(map(len, levels.values())) for name, levels in self.queues.items()}
        failed = [letter.queue for letter in self.failed.values()]
        known = {name for name, count in ready.items() if count} | {*claimed, *delayed, *dead, *failed, *self.paused}
        names = request.queues or tuple(sorted(known - {c.ADVANCE_QUEUE}))
        return tuple(
            c.QueueStats(
                name,
                ready.get(name, 0),
                delayed.count(name),
                claimed.count(name),
                dead.count(name),
                name in self.paused,
                failed.count(name),
            )
            for name in names
        )

    def _Pause(self, request: c.Pause, now: int) -> None:
        if request.paused:
            self.paused.update(request.queues)
        else:
            self.paused.difference_update(request.queues)

    def _in_order(self, queue: str) -> list[c.Peeked]:
        levels = self.queues.get(queue, {})
        return [c.Peeked(raw, priority) for priority in sorted(levels) for raw in levels[priority]]

    def _Peek(self, request: c.Peek, now: int) -> tuple[c.Peeked, ...]:
        page: list[c.Peeked] = []
        for message in self._in_order(request.queue):
            if len(page) >= request.limit or sum(len(other.raw) for other in page) >= request.max_bytes:
                break
            if not request.heads or not any(other.priority == message.priority for other in page):
                page.append(message)
        return tuple(page)

    def _Purge(self, request: c.Purge, now: int) -> int:
        dropped = self._in_order(request.queue)[: request.limit]
        for message in dropped:
            self.queues[request.queue][message.priority].popleft()
        return len(dropped)

    def _Locate(self, request: c.Locate, now: int) -> c.Located:
        word, ready, unseen = request.task.encode(), [], []
        for queue in sorted(self.queues.keys() - {c.ADVANCE_QUEUE}):
            line = self._in_order(queue)
            if len(line) > request.depth:
                unseen.append(queue)
            for ahead, message in enumerate(line[: request.depth]):
                if word in message.raw:
                    ready.append(c.QueuedMatch(queue, ahead, message.raw))
        held = [
            c.HeldMessage(worker, claim.id, claim.queue, lease.since.get(claim.id, 0), claim.raw)
            for worker, lease in sorted(self.leases.items())
            for claim in lease.claims.values()
            if word in claim.raw
        ]
        revoked = request.task in self.revocations and self.revocations[request.task].ends > now
        return c.Located(tuple(ready), tuple(held), revoked, tuple(unseen))

    def _bury(self, letter: c.DeadLetter, now: int) -> None:
        self._buried += 1
        kept = self._letters(letter.failed, now)
        name = free_name(letter.id, kept)
        kept[name] = msgspec.structs.replace(letter, id=name, when=now / 1000, number=self._buried)
        self._letters(letter.failed, now)

    def _letters(self, failed: bool, now: int) -> dict[str, c.DeadLetter]:
        """Those of failed tasks, or the dead ones; the oldest have fallen out."""
        kept, (limit, seconds) = (self.failed, self._failed_bounds) if failed else (self.dead, self._dead_bounds)
        oldest = now / 1000 - seconds
        while kept and (len(kept) > limit or next(iter(kept.values())).when <= oldest):
            del kept[next(iter(kept))]
        return kept

    def _DeadLetters(self, request: c.DeadLetters, now: int) -> tuple[c.DeadLetter, ...]:
        page: list[c.DeadLetter] = []
        for letter in reversed(self._letters(request.failed, now).values()):
            if len(page) >= request.limit or sum(len(other.raw) for other in page) >= request.max_bytes:
                break
            if not request.after or letter.number < request.after:
                page.append(letter)
        return tuple(page)

    def _ReadDead(self, request: c.ReadDead, now: int) -> c.DeadLetter | None:
        return self._letters(request.failed, now).get(request.id)

    def _Replay(self, request: c.Replay, now: int) -> tuple[str, ...]:
        replayed, kept = [], self._letters(request.failed, now)
        for item in request.revivals:
            if kept.pop(item.id, None) is not None:
                self.queues[item.queue][item.priority].append(item.raw)
                self.results.pop(item.task, None)
                replayed.append(item.id)
        return tuple(replayed)

    def _DeleteDeadLetters(self, request: c.DeleteDeadLetters, now: int) -> tuple[str, ...]:
        kept = self._letters(request.failed, now)
        return tuple(id for id in request.ids if kept.pop(id, None) is not None)

    def _Delayed(self, request: c.Delayed, now: int) -> c.DelayedPage:
        """The mark of a page is where the last message looked at stands in the order."""
        if request.prefix:
            order = sorted(("", id) for id in self.delayed_by_id if id.startswith(request.prefix))
        else:
            order = sorted((f"{due:020}", message.id) for due, _, message in self.delayed)
        head, _, tail = request.after.partition("\n")
        after = (head, tail)
        messages: list[c.DelayedMessage] = []
        looked, size = 0, 0
        for due, id in order:
            if (due, id) <= after:
                continue
            if looked >= request.limit or size >= request.max_bytes:
                return c.DelayedPage(tuple(messages), "\n".join(after))
            after, looked = (due, id), looked + 1
            found = self._delayed_message(id)
            if found is not None and request.queue in ("", found.queue):
                messages.append(found)
                size += len(found.raw)
        return c.DelayedPage(tuple(messages))

    def _delayed_message(self, id: str) -> c.DelayedMessage | None:
        if id not in self.delayed_by_id:
            return None
        due, _, message = self.delayed_by_id[id]
        return c.DelayedMessage(id, message.queue, message.raw, message.priority, due)

    def _ReadDelayed(self, request: c.ReadDelayed, now: int) -> tuple[c.DelayedMessage | None, ...]:
        return tuple(self._delayed_message(id) for id in request.ids)

    def _AdjustDelayed(self, request: c.AdjustDelayed, now: int) -> tuple[bool, ...]:
        return tuple(self._adjust(item, now) for item in request.adjustments)

    def _adjust(self, item: c.Adjustment, now: int) -> bool:
        if item.id not in self.delayed_by_id:
            return False
        due, _, old = self._undelay(item.id)
        raw = old.raw if item.raw is None else item.raw
        queue = old.queue if item.queue is None else item.queue
        self._delay(c.Message(old.id, queue, raw, old.priority), due if item.delay is None else now + item.delay)
        return True

    def _CancelDelayed(self, request: c.CancelDelayed, now: int) -> tuple[bool, ...]:
        return tuple(self._cancel(item) for item in request.cancellations)

    def _cancel(self, item: c.Cancellation) -> bool:
        if item.id not in self.delayed_by_id:
            return False
        self._undelay(item.id)
        self._write_unless_final(item.task, item.result)
        return True


def free_name(id: str, taken: Container[str]) -> str:
    """An id, or the first of `id#2`, `id#3`... that is not taken."""
    names = chain((id,), (f"{id}#{copy}" for copy in count(2)))
    return next(name for name in names if name not in taken)
