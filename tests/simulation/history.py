"""What happened, and whether it was allowed to: an observer that keeps its own account of who holds what.

The account is built from requests and replies alone, never from the state of the store or of a worker, so
that a broken store or worker cannot hide what it breaks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from celeriac.stores import contract as c
from celeriac.stores.memory.state import OpenedLease, State
from tests.simulation.loop import Loop
from tests.simulation.workload import Spec, Workload, unit_of

LEASE_SECONDS = 10.0
BEAT_SECONDS = 2.5
VALID_SECONDS = 0.75 * LEASE_SECONDS
RECOVERY_SECONDS = 1.5 * LEASE_SECONDS + BEAT_SECONDS
"""From the last heartbeat of a dead worker to its reaping, while another one lives and is not disturbed."""


class Violation(AssertionError):
    """Something happened that must never happen; `kind` says which promise it broke."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


@dataclass
class Run:
    """One beginning of a task. `excused`: a fault hit its holder before its end was in the store."""

    worker: str
    child: int
    claim: str
    at: float
    reported: bool = False
    excused: bool = False


@dataclass
class Unit:
    """A message on its way, whatever claims it goes through."""

    spec: Spec
    claim: str = ""
    runs: list[Run] = field(default_factory=list)
    ends: int = 0


@dataclass
class Health:
    """What was done to a worker, whatever its lease: until when it was disturbed, and whether it is dead."""

    disturbed: float = -1.0
    dead: bool = False


@dataclass
class Tenancy:
    """A lease as its neighbours could know it."""

    worker: str
    epoch: str
    health: Health
    last_heartbeat: float
    steady_since: float | None = None
    heartbeat_sent: float = -1.0
    parts: int = 0
    """How often a part of its claims was reaped; the next part waits for the next look."""


@dataclass
class Figures:
    """What a run has seen, for people and for the test that wants to know that all was seen."""

    events: int = 0
    runs: int = 0
    repeats: int = 0
    faults: int = 0
    reaped: int = 0
    unknown: int = 0
    missing: int = 0
    refused_requests: int = 0
    longest_recovery: float = 0.0


class History:
    """The events, the account, and the judgement."""

    def __init__(self, loop: Loop, workload: Workload) -> None:
        self.loop = loop
        self.workload = workload
        self.figures = Figures()
        self.units: dict[str, Unit] = {}
        self.tenancies: dict[str, Tenancy] = {}
        self.abandoned: set[str] = set()
        """Leases whose workers do not know whether they were ever opened, and want them no more."""
        self.results: dict[str, int] = {}
        self.tail: deque[str] = deque(maxlen=80)
        self.digest = 0
        self._healths: dict[str, Health] = {}
        self._held: dict[str, str] = {}
        self._slots: dict[str, set[int]] = {}
        self._leases: dict[str, OpenedLease] = {}
        self._died: dict[str, float] = {}

    def watch(self, state: State) -> None:
        """See every outcome that this store accepts."""
        settle = state._settle

        def observed(outcome: c.Outcome, now: int) -> str:
            self._accepted(outcome)
            return settle(outcome, now)

        state._settle = observed  # type: ignore[method-assign]
        self._leases = state.leases

    def note(self, who: str, what: str, *details: object) -> None:
        """Keep an event."""
        line = f"{self.loop.now:9.4f} {who:12s} {what} {' '.join(map(str, details))}"
        self.digest = crc32(line.encode(), self.digest)
        self.figures.events += 1
        self.tail.append(line)

    # -- what the store did -----------------------------------------------------

    def performed(self, request: c.Request[Any], reply: Any, error: Exception | None) -> None:
        """A request was performed, or refused because its lease is over."""
        if error is not None:
            self.figures.refused_requests += 1
            self.note(request.lease.worker, f"{type(request).__name__} refused")  # type: ignore[attr-defined]
            return
        method = getattr(self, f"_{type(request).__name__}", None)
        if method is not None:
            method(request, reply)

    def _Enqueue(self, request: c.Enqueue, reply: c.Enqueued) -> None:
        for message, fresh in zip(request.messages, reply.fresh, strict=True):
            if fresh:
                self._enqueued(message)

    def _enqueued(self, message: c.Message) -> None:
        if message.id in self.units:
            raise Violation("enqueued twice", message.id)
        self.note("store", "enqueued", message.id)
        self.units[message.id] = Unit(self.workload.spec(message.id))

    def _OpenLease(self, request: c.OpenLease, reply: None) -> None:
        worker, epoch = request.lease.worker, request.lease.epoch
        if worker not in self.tenancies:
            self.tenancies[worker] = Tenancy(worker, epoch, self._health(worker), self.loop.now)
        self.note(worker, "opened a lease")

    def _CloseLease(self, request: c.CloseLease, reply: None) -> None:
        self.note(request.lease.worker, "closed its lease")
        self._end_lease(request.lease.worker)

    def _end_lease(self, worker: str) -> None:
        tenancy = self.tenancies.pop(worker)
        for claim in self._claims_under(tenancy):
            self._let_go(claim)

    def _claims_under(self, tenancy: Tenancy) -> list[str]:
        return [claim for claim in self._held if claim.startswith(f"{tenancy.epoch}:")]

    def _Heartbeat(self, request: c.Heartbeat, reply: c.HeartbeatReply) -> None:
        tenancy = self.tenancies[request.lease.worker]
        tenancy.last_heartbeat = self.loop.now
        if tenancy.steady_since is None and self.loop.now >= tenancy.health.disturbed:
            tenancy.steady_since = self.loop.now
        self._check_recovery(tenancy)

    def _check_recovery(self, steady: Tenancy) -> None:
        if steady.steady_since is None or steady.health.dead:
            return
        for tenancy in self.tenancies.values():
            silent = self.loop.now - max(tenancy.last_heartbeat, steady.steady_since)
            if tenancy.health.dead and silent > RECOVERY_SECONDS + tenancy.parts * BEAT_SECONDS:
                text = f"{steady.worker} has watched the dead {tenancy.worker} for {silent:.1f} s"
                raise Violation("late recovery", text)

    def _Reconcile(self, request: c.Reconcile, reply: c.Reconciled) -> None:
        self.figures.unknown += len(reply.unknown)
        self.figures.missing += len(reply.missing)
        self.note(
            request.lease.worker, "compared notes,", len(reply.unknown), "unknown,", len(reply.missing), "missing"
        )

    def _Finish(self, request: c.Finish, reply: c.Finished) -> None:
        for claim in reply.lost:
            self.note(request.lease.worker, "was refused", claim)
        self._claimed(request.lease.worker, reply.claims)

    def _claimed(self, worker: str, claims: tuple[c.Claim, ...]) -> None:
        for claim in claims:
            name = unit_of(claim)
            unit = self.units.get(name)
            if unit is None:
                unit = self.units[name] = Unit(self.workload.spec(name))
            if unit.claim:
                raise Violation("two holders", f"{name} is {unit.claim} and {claim.id}")
            if unit.ends:
                raise Violation("doubled", f"{name} was delivered after its end")
            self.note(worker, "claimed", claim.id, name)
            unit.claim = claim.id
            self._held[claim.id] = name

    def _let_go(self, claim: str) -> None:
        name = self._held.pop(claim, None)
        if name is not None:
            self.units[name].claim = ""

    def _accepted(self, outcome: c.Outcome) -> None:
        """An outcome takes effect."""
        name = self._held.get(outcome.claim)
        if name is None:
            raise Violation("fence", f"the outcome of {outcome.task} was accepted for {outcome.claim}, held by nobody")
        self._let_go(outcome.claim)
        unit = self.units[name]
        unit.ends += 1
        self.note("store", "accepted the end of", name, outcome.claim)
        if outcome.result is not None and c.is_final(outcome.result):
            self._final(outcome.task)
        if outcome.slot is not None:
            self._slots.setdefault(outcome.slot.chord, set()).add(outcome.slot.index)
        for message in outcome.successors:
            if message.id.endswith("-body"):
                self._check_chord(message.id.removesuffix("-body"))
            self._enqueued(message)

    def _final(self, task: str) -> None:
        self.results[task] = self.results.get(task, 0) + 1
        if self.results[task] > self.workload.copies(task):
            raise Violation("doubled", f"{task} has {self.results[task]} accepted results")

    def _check_chord(self, chord: str) -> None:
        filled, size = self._slots.get(chord, set()), self.workload.chord_sizes[chord]
        if len(filled) < size:
            raise Violation("chord early", f"the body of {chord} was enqueued with members {sorted(filled)} of {size}")

    def _Release(self, request: c.Release, reply: c.LostClaims) -> None:
        self._gone(request.lease.worker, "released", [item.claim for item in request.returns], reply)

    def _Defer(self, request: c.Defer, reply: c.LostClaims) -> None:
        self._gone(request.lease.worker, "deferred", [item.claim for item in request.deferrals], reply)

    def _gone(self, worker: str, what: str, claims: list[str], reply: c.LostClaims) -> None:
        for claim in claims:
            if claim not in reply.lost:
                self.note(worker, what, claim, self._held.get(claim, "?"))
                self._let_go(claim)

    def _Reap(self, request: c.Reap, reply: c.Reaped) -> None:
        victim = self.tenancies.get(request.peer.worker)
        over = request.peer.worker not in self._leases
        if victim is None or not (reply.claims or over):
            return
        self._check_reaping(request.lease.worker, victim)
        self.note(request.lease.worker, "reaped", victim.worker, len(reply.claims))
        self.figures.reaped += len(reply.claims)
        for name in map(unit_of, reply.claims):
            unit = self.units[name]
            if unit.runs and unit.runs[-1].claim == unit.claim:
                unit.runs[-1].excused = True
            self._let_go(unit.claim)
        victim.parts += 1
        if over:
            self._end_lease(victim.worker)
        self._claimed(request.lease.worker, reply.claims)

    def _check_reaping(self, reaper: str, victim: Tenancy) -> None:
        wanted = victim.worker not in self.abandoned and not victim.health.dead
        if wanted and victim.health.disturbed < victim.last_heartbeat:
            silent = self.loop.now - victim.last_heartbeat
            text = (
                f"{reaper} reaped {victim.worker}, which lives, is in contact, and sent a heartbeat {silent:.1f} s ago"
            )
            raise Violation("false reap", text)

    # -- what was done to everybody ---------------------------------------------

    def disturbed(self, worker: str, until: float = 0.0) -> None:
        """A fault hits a worker or its connection, from now until then."""
        health = self._health(worker)
        health.disturbed = max(health.disturbed, self.loop.now, until)
        for tenancy in self.tenancies.values():
            if tenancy.health is health:
                tenancy.steady_since = None

    def _health(self, lease: str) -> Health:
        return self._healths.setdefault(lease.partition("/")[0], Health())

    def outage(self, seconds: float) -> None:
        """The store answers nothing."""
        self.figures.faults += 1
        self.note("store", "is out for", seconds)
        for tenancy in self.tenancies.values():
            tenancy.steady_since = None

    def back(self) -> None:
        """It answers again."""
        self.note("store", "is back")
        for tenancy in self.tenancies.values():
            tenancy.steady_since = None

    def worker_died(self, worker: str) -> None:
        """A core and its children are no more."""
        self.figures.faults += 1
        self.note(worker, "died")
        health = self._health(worker)
        health.dead = True
        for tenancy in self.tenancies.values():
            if tenancy.health is health:
                self._died.update({self._held[claim]: self.loop.now for claim in self._claims_under(tenancy)})
        self._excuse(worker, None)

    def worker_ended(self, worker: str) -> None:
        """A worker has ended by itself: in order, or for want of a store; then its lease is left to be reaped."""
        self.note(worker, "has ended")
        health = self._health(worker)
        health.dead = True
        if any(tenancy.health is health for tenancy in self.tenancies.values()):
            self.worker_died(worker)

    def child_died(self, worker: str, child: int) -> None:
        """A child is no more."""
        self.figures.faults += 1
        self.note(worker, "child died", child)
        self._excuse(worker, child)

    def _excuse(self, worker: str, child: int | None) -> None:
        """What the dead had begun and nobody has heard of may begin again."""
        for unit in self.units.values():
            run = unit.runs[-1] if unit.runs else None
            if run is None or unit.ends or run.worker != worker:
                continue
            if child is None or (run.child == child and not run.reported):
                run.excused = True

    def holds(self, claim: str) -> bool:
        """Whether a claim is held."""
        return claim in self._held

    # -- what children do -------------------------------------------------------

    def heartbeat_answered(self, worker: str, sent: float) -> None:
        """A worker knows that what it sent then has kept its lease."""
        if worker in self.tenancies:
            self.tenancies[worker].heartbeat_sent = sent

    def began(self, worker: str, lease: str, child: int, claim: str, name: str) -> None:
        """User code sees a task."""
        unit = self.units[name]
        self.note(worker, "begins", name, claim, f"child {child}")
        self.figures.runs += 1
        if unit.runs:
            self._check_repeat(unit, name)
        if unit.claim != claim:
            raise Violation("begins what it does not hold", f"{name} under {claim}, held as {unit.claim or 'nothing'}")
        recovery = self.loop.now - self._died.pop(name, self.loop.now)
        self.figures.longest_recovery = max(self.figures.longest_recovery, recovery)
        tenancy = self.tenancies[lease]
        if self.loop.now - tenancy.heartbeat_sent > VALID_SECONDS:
            raise Violation(
                "begins too late", f"{worker} begins {name}, last heartbeat sent at {tenancy.heartbeat_sent:.2f}"
            )
        unit.runs.append(Run(worker, child, claim, self.loop.now))

    def _check_repeat(self, unit: Unit, name: str) -> None:
        self.figures.repeats += 1
        if unit.spec.once:
            raise Violation("begun twice", f"{name} may run once only")
        unexcused = [run for run in unit.runs if not run.excused]
        if unexcused:
            raise Violation("repeated without a fault", f"{name} ran at {unexcused[0].worker} {unexcused[0].at:.2f}")

    def reported(self, name: str, claim: str) -> None:
        """A child has put the outcome of a task where its death does not reach."""
        for run in self.units[name].runs:
            run.reported = run.reported or run.claim == claim
