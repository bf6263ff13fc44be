"""The same parts, each broken in one way that people have shipped: the simulation must notice every one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from celeriac.stores import contract as c
from celeriac.stores.contract.watch import Watch
from celeriac.stores.memory.state import State
from celeriac.worker.core.claim_table import HeldClaim
from tests.simulation.dispatcher import SimulatedDispatcher
from tests.simulation.history import LEASE_SECONDS
from tests.simulation.session import Session
from tests.simulation.worker import SimulatedWorker
from tests.simulation.world import Build

_FOREVER = 1e9


class NoFence(State):
    """Accepts outcomes of claims that are not held, and of leases that are over."""

    def _Finish(self, request: c.Finish, now: int) -> c.Finished:
        lease = self.leases.get(request.lease.worker)
        held = lease.claims if lease is not None and lease.epoch == request.lease.epoch else {}
        for outcome in request.outcomes:
            if outcome.claim not in held:
                self._settle(outcome, now)
        return super()._Finish(request, now)


class Write(c.Request[None], frozen=True):
    """Results alone, after their claims have ended."""

    lease: c.Lease
    outcomes: tuple[c.Outcome, ...]


class WritesAnytime(State):
    """Takes results from anybody at any time."""

    def _Write(self, request: Write, now: int) -> None:
        self.results.update({item.task: item.result for item in request.outcomes if item.result is not None})


class AcksFirst(SimulatedWorker):
    """Ends claims in one request and writes their results in the next."""

    async def finish(self, session: Session, request: c.Finish, *, waiting: bool = False) -> c.Finished:
        bare = tuple(msgspec.structs.replace(outcome, result=None) for outcome in request.outcomes)
        reply = await super().finish(session, msgspec.structs.replace(request, outcomes=bare), waiting=waiting)
        if bare:
            await session.call(Write(self.lease, request.outcomes))
        return reply


class Track(c.Request[None], frozen=True):
    """Notes that these messages, taken before, are claims."""

    lease: c.Lease
    claims: tuple[c.Claim, ...]


class TakesThenTracks(State):
    """Hands messages out and notes them as claims only when it is told to."""

    def _Finish(self, request: c.Finish, now: int) -> c.Finished:
        reply = super()._Finish(request, now)
        for claim in reply.claims:
            del self._open(request.lease).claims[claim.id]
        return reply

    def _Track(self, request: Track, now: int) -> None:
        self._open(request.lease).claims.update({claim.id: claim for claim in request.claims})


class ClaimsInTwoSteps(SimulatedWorker):
    """Takes messages in one request and claims them in the next."""

    async def finish(self, session: Session, request: c.Finish, *, waiting: bool = False) -> c.Finished:
        reply = await super().finish(session, request, waiting=waiting)
        if reply.claims:
            await session.call(Track(self.lease, reply.claims))
        return reply


class NeverCompares(SimulatedWorker):
    """Goes on after a lost reply as if nothing had been under way."""

    async def compare(self, session: Session) -> None:
        self.dispatcher.not_started()


class ForgetsWhatStarts(SimulatedWorker):
    """Compares notes without the claims that are about to be marked as started."""

    async def compare(self, session: Session) -> None:
        known = tuple(claim for claim in self.claim_table.known() if claim not in self.claim_table.starting)
        reply = await session.call(c.Reconcile(self.lease, known))
        unknown = self.claim_table.reconcile(reply)
        self.dispatcher.take_everything_back()
        self._take_in(unknown)


class ClosesWhileReaping(SimulatedWorker):
    """Closes its lease without waiting for what a reaping under way brings in."""

    @property
    def reaping(self) -> bool:
        return False

    @reaping.setter
    def reaping(self, value: bool) -> None: ...


class Stamped(State):
    """Notes by the wall clock when it heard of each worker last."""

    def _OpenLease(self, request: c.OpenLease, now: int) -> None:
        super()._OpenLease(request, now)
        self._stamp(request.lease, now)

    def _Heartbeat(self, request: c.Heartbeat, now: int) -> c.HeartbeatReply:
        self._open(request.lease)
        self._stamp(request.lease, now)
        return super()._Heartbeat(request, now)

    def _stamp(self, lease: c.Lease, now: int) -> None:
        held = self.leases[lease.worker]
        held.record = msgspec.structs.replace(held.record, started=now)


class ClockWatch(Watch):
    """Believes the stamps: who was not heard of for a lease is dead, whoever was away."""

    def look(self, now: float, peers: tuple[c.Peer, ...], me: str) -> list[c.Peer]:
        store_now = next(peer.record.started for peer in peers if peer.worker == me)
        return [peer for peer in peers if store_now - peer.record.started > LEASE_SECONDS * 1000]


class SeriesOverGaps(Watch):
    """Counts on over an outage, as if it had looked all the time."""

    def look(self, now: float, peers: tuple[c.Peer, ...], me: str) -> list[c.Peer]:
        self.gap = _FOREVER
        return super().look(now, peers, me)

    def interrupted(self) -> None:
        """It does not care."""


class LeavesOpenWhatIsReaped(State):
    """Closes a lease with the last of its claims only: its holder may wake up in between, and go on."""

    def _Reap(self, request: c.Reap, now: int) -> c.Reaped:
        reply = super()._Reap(request, now)
        held = self.leases.get(request.peer.worker)
        if held is not None:
            held.epoch = held.epoch.removesuffix(c.REAPED)
        return reply


class ReapsUnseen(NoFence):
    """Reaps whatever the victim has done since it was observed, and has no fence either."""

    def _Reap(self, request: c.Reap, now: int) -> c.Reaped:
        held = self.leases.get(request.peer.worker)
        if held is None:
            return c.Reaped()
        peer = msgspec.structs.replace(request.peer, epoch=held.epoch, heartbeat=held.heartbeat)
        return super()._Reap(msgspec.structs.replace(request, peer=peer), now)


class CountsMembers(State):
    """Counts how many members of a chord have ended, not which."""

    def _settle(self, outcome: c.Outcome, now: int) -> str:
        if outcome.slot is None:
            return super()._settle(outcome, now)
        self._ended = {**getattr(self, "_ended", {})}
        count = self._ended[outcome.slot.chord] = self._ended.get(outcome.slot.chord, 0) + 1
        super()._settle(outcome, now)
        return outcome.slot.chord if count == outcome.slot.size else ""


class Unbounded(SimulatedDispatcher):
    """Lets children begin whenever they like."""

    def lease_holds(self, lease: str, until: float) -> None:
        super().lease_holds(lease, _FOREVER)


class NoSelfFence(SimulatedWorker):
    """Begins tasks though its last heartbeat is long ago."""

    dispatcher_kind = Unbounded


class StartsWithoutMark(SimulatedWorker):
    """Hands tasks that run once to children without marking them in the store first."""

    def admitted(self, held: HeldClaim) -> HeldClaim:
        held.needs_start = False
        return held


@dataclass(frozen=True)
class Mutant:
    """A broken build, and the promises that it breaks (the first that is noticed must be one of them)."""

    name: str
    breaks: frozenset[str]
    build: Build


def _mutant(name: str, breaks: str, **parts: Any) -> Mutant:
    return Mutant(name, frozenset(breaks.split(", ")), Build(**parts))


_UNHELD = "begins what it does not hold"

MUTANTS = (
    _mutant("no fence", "fence, doubled", state=NoFence),
    _mutant("ack before result", "lost, begun twice", state=WritesAnytime, worker=AcksFirst),
    _mutant("claim not atomic", "lost", state=TakesThenTracks, worker=ClaimsInTwoSteps),
    _mutant("no reconcile", "lost, repeated without a fault, " + _UNHELD, worker=NeverCompares),
    _mutant(
        "reconcile forgets what starts", "begun twice, repeated without a fault, two holders", worker=ForgetsWhatStarts
    ),
    _mutant("sessions not fenced", "lost", fenced=False),
    _mutant("lease closed while reaping", "begun twice", worker=ClosesWhileReaping),
    _mutant("reaped lease left open", _UNHELD + ", repeated without a fault", state=LeavesOpenWhatIsReaped),
    _mutant("reaper trusts the clock", "false reap, begun twice", state=Stamped, watch=ClockWatch),
    _mutant("reaper counts over gaps", "false reap, begun twice", watch=SeriesOverGaps),
    _mutant("reap without compare, no fence", "false reap, fence, doubled", state=ReapsUnseen),
    _mutant("chord counted by number", "chord early", state=CountsMembers),
    _mutant("no self-fence", "begins too late, repeated without a fault, " + _UNHELD, worker=NoSelfFence),
    _mutant("once without a mark", "begun twice", worker=StartsWithoutMark),
)
