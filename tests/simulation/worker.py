"""A worker on virtual time: what `worker.core.Core` does, around the same ledger, watch, intake and fate.

The real core is bound to sockets, shared memory and the machine's clock. This one follows it activity by
activity and request by request; whoever changes the order of requests there changes it here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from celeriac.exceptions import LeaseLost, MalformedMessage, OperationalError
from celeriac.message import document
from celeriac.message import task as wire
from celeriac.stores import contract as c
from celeriac.worker.core import intake, recovery
from celeriac.worker.core.claim_table import ClaimTable, Failure, HeldClaim
from tests.simulation.dispatcher import SimulatedDispatcher
from tests.simulation.history import BEAT_SECONDS, LEASE_SECONDS, VALID_SECONDS
from tests.simulation.loop import Flag, Future, Process
from tests.simulation.session import Session
from tests.simulation.workload import QUEUES, TASKS

if TYPE_CHECKING:
    from tests.simulation.world import World

_FINISH_MOST = 256
_FINISH_BYTES = 1 << 20
_RECONNECT_SECONDS = (0.05, 2.0)


class SimulatedWorker:
    """A core and its children. `run` ends when it was stopped and holds nothing any more."""

    dispatcher_kind = SimulatedDispatcher

    def __init__(self, world: World, name: str, host: str, slots: int) -> None:
        self.world = world
        self.name = name
        self.host = host
        self.process = Process(world.loop, name)
        self.claim_table = ClaimTable()
        self.heartbeat_now = Flag()
        self._news, self._wants_messages, self._due = Flag(), Flag(), Flag()
        self.dispatcher = self.dispatcher_kind(world, self.process, self.claim_table, slots, self._news.set)
        self.lease = self._new_lease()
        self._watch = world.build.watch(LEASE_SECONDS, LEASE_SECONDS / 2)
        self._session: Session | None = None
        self._opened = False
        self._number = 1
        self._queues = QUEUES
        self._last_heartbeat = 0.0
        self._valid_until = 0.0
        self.reaping = False
        self._pause = _RECONNECT_SECONDS[0]
        self._due_count = 0
        self._empty = False

    def _new_lease(self) -> c.Lease:
        epoch = self.world.new_epoch()
        return c.Lease(f"{self.name}/{epoch}", epoch)

    def stop(self) -> None:
        """Claim nothing more, give back what has not begun, let the rest finish."""
        self.dispatcher.stop()
        self._news.set()
        if self._session is not None:
            self._session.stop_waiting()

    # -- sessions -------------------------------------------------------------

    async def run(self) -> None:
        """Work until stopped, through losses of connection and lease."""
        while True:
            try:
                await self._work()
                return
            except LeaseLost:
                if self.dispatcher.stopping and self.claim_table.empty:
                    return
                self._forget_lease()
            except OperationalError:
                self._interrupted()
                if self._may_give_up():
                    return
                await self.process.sleep(self._pause)
                self._pause = min(self._pause * 2, _RECONNECT_SECONDS[1])

    def _may_give_up(self) -> bool:
        """Told to stop, and the store is away: wait for it no longer than a lease once nothing runs any more."""
        if not self.dispatcher.stopping or self.claim_table.out:
            return False
        return not self.claim_table.known() or self.world.loop.now - self._last_heartbeat > 2 * LEASE_SECONDS

    async def _work(self) -> None:
        session = self._session = Session(self.world.network, self.process, self._number)
        try:
            await session.open(self.lease, self.heartbeat_now.set)
            await self._begin(session)
            await self.process.first_to_end(
                self._exchange(session), self._listen(session), self._heartbeat(session), self._promote(session)
            )
        finally:
            self._session = None
            self._number = session.reserve(0)
            session.close()

    async def _begin(self, session: Session) -> None:
        """Open the lease, or find out what became of what was under way."""
        sent = self.world.loop.now
        if self._opened:
            await session.call(c.Heartbeat(self.lease))  # from here on nobody reaps what the notes say
            await self.compare(session)
        else:
            await session.call(c.OpenLease(self.lease, c.WorkerRecord(self.host, queues=QUEUES)))
            self._opened = True
        self._lease_holds_from(sent)
        self._pause = _RECONNECT_SECONDS[0]
        self._empty = False
        self._news.set()

    async def compare(self, session: Session) -> None:
        """Notes, with the store. What the children have not begun comes back: some of it may be lost."""
        reply = await session.call(c.Reconcile(self.lease, self.claim_table.known()))
        unknown = self.claim_table.reconcile(reply)
        self.dispatcher.take_everything_back()
        self._take_in(unknown)

    def _interrupted(self) -> None:
        if not self._opened:
            # It may have been opened and reaped meanwhile: opened again, it would look as it did to its reapers.
            self.world.history.abandoned.add(self.lease.worker)
            self.lease = self._new_lease()
        self.reaping = False
        self.claim_table.unsettle()
        self.dispatcher.not_started()
        self._watch.interrupted()

    def _forget_lease(self) -> None:
        self._interrupted()
        self.dispatcher.take_everything_back()
        self.claim_table.lease_lost()
        self.lease = self._new_lease()
        self._opened = False
        self._number = 1

    # -- finish and claim -----------------------------------------------------

    async def _exchange(self, session: Session) -> None:
        claim_table, dispatcher = self.claim_table, self.dispatcher
        while True:
            await self._news.wait()
            self._news.clear()
            dispatcher.hand_out()
            await self._give_back(session)
            await self._start(session)
            if dispatcher.stopping and claim_table.empty and not self.reaping:
                await session.call(c.CloseLease(self.lease))
                return
            outcomes = claim_table.send(_FINISH_MOST, _FINISH_BYTES)
            wanted = dispatcher.wanted()
            if not outcomes and (not wanted or self._empty):
                if wanted and dispatcher.has_idle_child():
                    self._wants_messages.set()
                continue
            first = session.reserve(wanted + len(outcomes))
            request = c.Finish(self.lease, outcomes, self._queues, wanted, 1 << 20, first)
            reply = await self.finish(session, request)
            self._queues = (*self._queues[1:], *self._queues[:1])
            claim_table.settle(reply.lost)
            if wanted:
                self._empty = not reply.claims
            self._take_in(reply.claims)
            self._plan_promotion(reply.next_due)
            self._news.set()

    async def finish(self, session: Session, request: c.Finish, *, waiting: bool = False) -> c.Finished:
        """End and claim, in one step."""
        return await (session.wait(request) if waiting else session.call(request))

    async def _give_back(self, session: Session) -> None:
        returns, deferrals = tuple(self.claim_table.returns), tuple(self.claim_table.deferrals)
        if returns:
            await session.call(c.Release(self.lease, returns))
        if deferrals:
            await session.call(c.Defer(self.lease, deferrals))
        self.claim_table.given_back(len(returns), len(deferrals))

    async def _start(self, session: Session) -> None:
        frames = len(self.dispatcher.marking)
        starting = [held for _, items in self.dispatcher.marking for held in items if held.needs_start]
        if frames:
            begins = tuple(c.StartItem(held.claim, held.task_id, self._started(held), held.once) for held in starting)
            reply = await session.call(c.Start(self.lease, begins))
            self.dispatcher.started(frames, reply.lost)

    def _started(self, held: HeldClaim) -> bytes | None:
        return document.write_started(held.task_id, 1, self.name, self.world.wall()) if held.tracked else None

    def _take_in(self, claims: tuple[c.Claim, ...]) -> None:
        """Let new claims go where they belong; the advance of a chord goes to a child."""
        for claim in claims:
            if claim.queue == c.ADVANCE_QUEUE:
                self.claim_table.add(HeldClaim(claim.id, claim.queue, claim.priority, claim.raw, "", "advance"))
                continue
            item = intake.sort(claim, TASKS, self.world.wall())
            if isinstance(item, HeldClaim) and item.failure is not None:
                self.claim_table.ended.append(self._ended(claim, item, item.failure))
            elif isinstance(item, HeldClaim):
                self.claim_table.add(self.admitted(item))
            elif isinstance(item, c.Deferral):
                self.claim_table.deferrals.append(item)
            else:
                self.claim_table.ended.append(self.dispatcher.verdict(claim, item))
            self._news.set()
        self.dispatcher.hand_out()

    def _ended(self, claim: c.Claim, held: HeldClaim, failure: Failure) -> c.Outcome:
        outcome = recovery.end(held, failure, self.world.wall())
        return self.dispatcher.verdict(claim, msgspec.structs.replace(outcome, claim=claim.id))

    def admitted(self, held: HeldClaim) -> HeldClaim:
        """A message that is to run."""
        return held

    async def _listen(self, session: Session) -> None:
        while True:
            await self._wants_messages.wait()
            self._wants_messages.clear()
            wanted = self.dispatcher.wanted()
            if not wanted:
                continue
            request = c.Finish(self.lease, (), QUEUES, wanted, 1 << 20, session.reserve(wanted))
            reply = await self.finish(session, request, waiting=True)
            self._empty = len(reply.claims) < wanted
            self._take_in(reply.claims)
            self._news.set()

    # -- heartbeat and promote -----------------------------------------------------

    async def _heartbeat(self, session: Session) -> None:
        while True:
            sent = self.world.loop.now
            answer = await session.call(c.Heartbeat(self.lease))
            self._lease_holds_from(sent)
            self._plan_promotion(answer.next_due)
            self._news.set()
            peers = tuple(map(self._judge, answer.peers))
            for peer in self._watch.look(self.world.loop.now, peers, self.lease.worker):
                await self._reap(session, peer)
            await self._pause_between_heartbeats()

    async def _pause_between_heartbeats(self) -> None:
        over: Future[None] = Future()
        self.process.after(BEAT_SECONDS, over.set)
        self.heartbeat_now.wait().then(over.set)
        await over
        self.heartbeat_now.clear()

    def _judge(self, peer: c.Peer) -> c.Peer:
        """The kernel knows of the dead of this machine."""
        if peer.record.host == self.host and not self.world.lives(peer.worker):
            return msgspec.structs.replace(peer, dead=True)
        return peer

    def _lease_holds_from(self, sent: float) -> None:
        """The store has answered what was sent then."""
        self._last_heartbeat = sent
        self._valid_until = sent + VALID_SECONDS
        self.world.history.heartbeat_answered(self.lease.worker, sent)
        self.dispatcher.lease_holds(self.lease.worker, self._valid_until)

    async def _reap(self, session: Session, peer: c.Peer) -> None:
        limit = self.world.plan.reap_limit
        self.reaping = True  # closing the lease now would give back, as if new, what comes in with the reply
        reaped = await session.call(c.Reap(self.lease, peer, session.reserve(limit), limit))
        self.reaping = False
        for claim in reaped.claims:
            self._inherit(claim)
        self._news.set()

    def _inherit(self, claim: c.Claim) -> None:
        try:
            headers = wire.read_headers(claim.raw)
        except MalformedMessage:
            self.claim_table.returns.append(c.Return(claim.id))
            return
        held = intake.hold(claim, headers, TASKS)
        decided = recovery.worker_died(held, started=claim.started, losses=headers.losses + 1, limit=1 << 30)
        if isinstance(decided, recovery.Redeliver):
            self.claim_table.returns.append(c.Return(claim.id, decided.raw))
        elif isinstance(decided, Failure):
            self.claim_table.ended.append(self._ended(claim, held, decided))

    def _plan_promotion(self, next_due: int) -> None:
        self._due_count += 1
        if next_due >= 0:
            self.process.after(next_due / 1000, self._come_due, self._due_count)

    def _come_due(self, count: int) -> None:
        if count == self._due_count:
            self._due.set()

    async def _promote(self, session: Session) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            promoted = await session.call(c.Promote())
            self._plan_promotion(promoted.next_due)
            self._empty = self._empty and not promoted.count
            self._news.set()
