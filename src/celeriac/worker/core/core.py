"""The core: claims, finishes, sends heartbeats.

Hot path: store -> here -> dispatcher -> child -> dispatcher -> here -> store.

One event loop, no user code, nothing that blocks. Six activities share a session with the store:

* `_exchange` sends what has ended and claims as much as the children can use, in one request;
* `_mark` tells the store of tasks that are about to begin and may do so only once, and what running ones say;
* `_listen` waits for messages while the children have nothing to do;
* `_heartbeat` keeps the lease, and takes over what dead workers held;
* `_promote` brings delayed messages into their queues when they are due;
* `_mind_progress` sees whether anything comes while messages wait, and ends a session that brings nothing.

When the session breaks, all end; the children go on with what they have begun, and a new session begins by
comparing notes with the store. When the lease is lost, everything held is forgotten: what runs runs to its
end, and its outcome is dropped here, as the store would refuse it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec import Struct

from celeriac import ids
from celeriac.clock import SYSTEM_CLOCK, Clock
from celeriac.config.secrets import censored_text
from celeriac.exceptions import CeleriacError, LeaseLost, NotPermitted, OperationalError, Refused
from celeriac.message import document
from celeriac.stores import contract as c
from celeriac.stores.contract.watch import Watch
from celeriac.worker.core import reaping
from celeriac.worker.core.absence import Absence
from celeriac.worker.core.claim_table import ClaimTable, HeldClaim
from celeriac.worker.core.counters import Tasks
from celeriac.worker.core.dispatcher import Dispatcher
from celeriac.worker.core.distribute import Shares
from celeriac.worker.core.health import Health, judge
from celeriac.worker.core.port import monotonic
from celeriac.worker.core.purging import purge
from celeriac.worker.core.reception import Reception
from celeriac.worker.core.refusals import Refusals
from celeriac.worker.core.screen import Running
from celeriac.worker.core.stall_watch import Stalled, StallWatch
from celeriac.worker.core.unserved import look_around
from celeriac.worker.lane.frame import Manifest
from celeriac.worker.lane.outcome import formatted
from celeriac.worker.log.words import some
from celeriac.worker.options import WorkerOptions

logger = logging.getLogger("celeriac.worker")

_FINISH_MOST = 256
_FINISH_BYTES = 1 << 20
_RECONNECT_SECONDS = (0.05, 2.0)
_REFUSED_SECONDS = 1.0
"""How long to leave alone what the store has refused, where nothing depends on it."""
_TRIES_AT_END = 10


class CoreStats(Struct):
    """Counters for people, tests and benchmarks."""

    requests: int = 0
    reaped: int = 0
    leases: int = 0
    stalls: int = 0
    abandoned: int = 0
    """Tasks that a cold stop cut off, and outcomes that no store was there for."""
    longest_heartbeat_gap: float = 0.0


class Core:
    """A worker's dealings with its store. `run` returns when it has been stopped and holds nothing any more."""

    def __init__(self, store: c.Store, manifest: Manifest, options: WorkerOptions, clock: Clock = SYSTEM_CLOCK) -> None:
        self.store = store
        self.manifest = manifest
        self.options = options
        self.stats = CoreStats()
        self.stopping = False
        self.on_lease: Callable[[], None] = _nothing
        self.on_away: Callable[[], None] = _nothing
        self._news = asyncio.Event()
        self._tasks = Tasks()
        self._marks = asyncio.Event()
        shares = Shares.of(manifest)
        self.dispatchers = [
            Dispatcher(options.name, index, pool, shares, clock, self._news.set, self._marks.set, self._tasks)
            for index, pool in enumerate(options.pools)
        ]
        self._reception = Reception(self.dispatchers, manifest, clock, self._news.set)
        self._refusals = Refusals(store, options.name, clock, self._reception.take_in, self._news.set)
        self._stall_watch = StallWatch(self.dispatchers, float(manifest.settings["worker_stall_timeout"] or 0.0))
        self._clock = clock
        self._waits_at_start = manifest.settings["broker_connection_retry_on_startup"] is not False
        self._claim_bytes = int(manifest.settings["worker_claim_bytes"])
        self._watch = Watch(store.lease_seconds, store.lease_seconds / 2)
        self._lease = self._new_lease()
        self._opened = False
        self._number = 1
        self._session: c.Session | None = None
        self._wants_messages = asyncio.Event()
        self._awaiting: list[Dispatcher] = []
        self._reaping = False
        self._told: c.WorkerCounters | None = None
        """The counters that need not be told again, where heartbeats are not written down by themselves."""
        self._last_heartbeat = 0.0
        self._heartbeat_now = asyncio.Event()
        self._due = asyncio.Event()
        self._due_timer: asyncio.TimerHandle | None = None
        self._pause = _RECONNECT_SECONDS[0]
        self._absence = Absence(censored_text(store.url))
        self._told_to_stop = asyncio.Event()
        self._stop_waiting: asyncio.Future[None] | None = None
        self._neighbours = reaping.Neighbours(asyncio.get_running_loop(), self._heartbeat_now.set)

    def _new_lease(self) -> c.Lease:
        return c.Lease(f"{self.options.name}/{ids.new_epoch()}", ids.new_epoch())

    def stop(self) -> None:
        """Claim nothing more, give back what has not begun, let the rest finish."""
        self.stopping = self._refusals.stopping = True
        for dispatcher in self.dispatchers:
            dispatcher.stop()
        self._told_to_stop.set()
        self._news.set()
        if self._session is not None:
            self._stop_waiting = asyncio.ensure_future(self._session.stop_waiting())

    def abandon(self) -> None:
        """After `stop`: give back what runs as well. The children stand still from here on and are to be killed."""
        for dispatcher in self.dispatchers:
            self.stats.abandoned += dispatcher.abandon()
        self._news.set()

    def look(self, health: Health) -> Health:
        """Fill in how the worker is."""
        now = monotonic()
        health.children = sum([len(dispatcher.children) for dispatcher in self.dispatchers])
        health.running = sum([dispatcher.running() for dispatcher in self.dispatchers])
        health.answered = round(now - self._last_heartbeat, 3) if self._last_heartbeat else None
        health.stalls = self.stats.stalls
        heard = self._session is not None and now - self._last_heartbeat < max(3.0, 2 * self.store.heartbeat_seconds)
        lease = heard and self._opened and self.dispatchers[0].lease_valid(now)
        return judge(health, lease=lease, stalls_in_a_row=self._stall_watch.in_a_row)

    def in_hand(self) -> list[Running]:
        """What children have begun, the longest first."""
        found = [task for dispatcher in self.dispatchers for task in dispatcher.in_hand(monotonic())]
        return sorted(found, key=lambda task: -(task.seconds or 0.0))

    def renew(self, manifest: Manifest) -> None:
        """The app was imported anew."""
        self.manifest = self._reception.manifest = manifest
        for dispatcher in self.dispatchers:
            dispatcher.shares = Shares.of(manifest)

    # -- sessions -------------------------------------------------------------

    async def run(self) -> None:
        """Work until stopped, through losses of connection and lease.

        Raises `NotPermitted` for what a right is lacking, and `OperationalError` for a store that is not there at
        first, if the app wants that.
        """
        # Who comes back later than the others must still send a heartbeat within a lease of them.
        maximum = min(_RECONNECT_SECONDS[1], self.store.heartbeat_seconds)
        while True:
            try:
                await self._work()
                return
            except LeaseLost:
                if self.stopping and self._empty:
                    return  # a wait at the store crossed the end of the lease
                self._forget_lease()
            except Stalled as error:
                self.stats.stalls += 1
                self._interrupted()
                logger.error("%s", error)
            except OperationalError as error:
                if not self.stats.leases and (isinstance(error, NotPermitted) or not self._waits_at_start):
                    raise
                self._interrupted()
                self.on_away()
                self._absence.note(error, monotonic(), before=bool(self.stats.leases))
                if self._may_give_up():
                    self._give_up()
                    return
                if await self._told_to_stop_within(self._pause) and self._may_give_up():
                    self._give_up()
                    return
                self._pause = min(self._pause * 2, maximum)

    def _may_give_up(self) -> bool:
        """Told to stop, and the store is away: wait for it no longer than a lease once nothing runs any more.

        What is then not reported runs again elsewhere, when the lease is reaped.
        """
        if not self.stopping or any(dispatcher.claim_table.out for dispatcher in self.dispatchers):
            return False
        return not self._known() or monotonic() - self._last_heartbeat > 2 * self.store.lease_seconds

    @property
    def _empty(self) -> bool:
        """Whether nothing is held any more."""
        return all(dispatcher.claim_table.empty for dispatcher in self.dispatchers)

    def _refuses_all_that_is_left(self) -> bool:
        """Whether the store has refused, again and again, all that is still to be told."""
        claim_tables = [dispatcher.claim_table for dispatcher in self.dispatchers]
        held = sum([len(claim_table.known()) for claim_table in claim_tables])
        refused = [refused for claim_table in claim_tables for refused in claim_table.refused.values()]
        return 0 < held == len(refused) and all(each.tries >= _TRIES_AT_END for each in refused)

    def _known(self) -> tuple[str, ...]:
        return tuple(claim for dispatcher in self.dispatchers for claim in dispatcher.claim_table.known())

    def _give_up(self) -> None:
        lost = sum([len(each.claim_table.ended) + len(each.claim_table.refused) for each in self.dispatchers])
        self.stats.abandoned += lost
        if lost:
            logger.error("stopped without the store; it is not told how %s ended", some(lost, "task"))
        else:
            logger.info("stopped without the store; it misses nothing")

    async def _told_to_stop_within(self, seconds: float) -> bool:
        """Whether a stop is asked for, now or before so many seconds are over; one known of before does not count."""
        if self.stopping:
            await asyncio.sleep(seconds)
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._told_to_stop.wait()
        return self.stopping

    async def _work(self) -> None:
        """One session, from connecting to its end."""
        if self._absence:
            # What the last session held, many megabytes perhaps, hangs in its errors' tracebacks.
            gc.collect()
        session = self._session = await self.store.connect(self._lease, self._number)
        session.on_news = self._heartbeat_now.set
        try:
            await self._begin(session)
            await _until_first(
                self._exchange(session),
                self._mark(session),
                self._listen(session),
                self._heartbeat(session),
                self._promote(session),
                self._stall_watch.watch(session),
            )
        finally:
            self._session = None
            self._number = session.reserve(0)
            await session.close()

    async def _begin(self, session: c.Session) -> None:
        """Open the lease, or find out what became of what was under way."""
        sent = monotonic()
        if self._opened:
            reply = await session.call(c.Reconcile(self._lease, self._known()))
            for dispatcher in self.dispatchers:
                dispatcher.reconcile(reply)
            answer = await session.call(c.Heartbeat(self._lease))
            await self._reception.take_in(session, reply.unknown, answer.revision)
        else:
            slots = sum([pool.concurrency for pool in self.options.pools])
            record = reaping.own_record(self.options.queues, slots, self._clock.now())
            await session.call(c.OpenLease(self._lease, record))
            if self.options.purge and not self.stats.leases:
                await purge(session, self.options.queues)
            self._opened = True
            self.stats.leases += 1
            self.on_lease()
            if self.options.given is not None and self.options.given.queues and self.stats.leases == 1:
                # What a server refuses to tell is no reason not to work.
                with contextlib.suppress(CeleriacError):
                    await look_around(session, self.options.queues)
        self._lease_holds_from(sent)
        self._absence.end(monotonic())
        self._pause = _RECONNECT_SECONDS[0]
        self._claim_anew()

    def _claim_anew(self) -> None:
        """There may be something in the queues."""
        for dispatcher in self.dispatchers:
            dispatcher.drained = False
        self._news.set()
        self._marks.set()

    def _interrupted(self) -> None:
        for dispatcher in self.dispatchers:
            dispatcher.claim_table.unsettle()
            dispatcher.not_started()
        self._watch.interrupted()

    def _forget_lease(self) -> None:
        self._interrupted()
        count = 0
        for dispatcher in self.dispatchers:
            dispatcher.take_everything_back()
            count += dispatcher.claim_table.lease_lost()
        if count:
            logger.error("the lease was lost: %s now for others", some(count, "claim is", "claims are"))
        else:
            logger.info("the lease was lost, with nothing in hand")
        self._lease = self._new_lease()
        self._opened = False
        self._number = 1
        self._told = None

    # -- finish and claim -----------------------------------------------------

    async def _exchange(self, session: c.Session) -> None:
        """Send what has ended, claim what is wanted: one request at a time, as many in it as there are."""
        while True:
            await self._news.wait()
            self._news.clear()
            for dispatcher in self.dispatchers:
                await self._serve(session, dispatcher)
            if self.stopping and self._empty and not self._reaping:
                await session.call(c.CloseLease(self._lease))
                return
            if self.stopping and self._refuses_all_that_is_left():
                self._give_up()  # the lease stays: who reaps it knows what had begun
                return

    async def _serve(self, session: c.Session, dispatcher: Dispatcher) -> None:
        """The same for one pool, once."""
        claim_table = dispatcher.claim_table
        dispatcher.hand_out()
        if claim_table.returns or claim_table.deferrals:
            await self._give_back(session, claim_table)
        if claim_table.refused:
            await self._refusals.insist(session, self._lease, claim_table, self.manifest)
        outcomes = claim_table.send(_FINISH_MOST, _FINISH_BYTES)
        wanted = dispatcher.wanted()
        if not outcomes and (not wanted or dispatcher.drained):
            if wanted and dispatcher.has_idle_child():
                await self._listen_for(session, dispatcher)
            return
        first = session.reserve(wanted + len(outcomes))
        queues = dispatcher.queues
        told = formatted(outcomes, self.store.format)
        try:
            reply = await session.call(c.Finish(self._lease, told, queues, wanted, self._claim_bytes, first))
        except Refused as error:
            await self._not_finished(session, dispatcher, outcomes, error)
            return
        # The first queue is served first: taking turns, no full one keeps the others waiting.
        dispatcher.queues = (*queues[1:], *queues[:1])
        self.stats.requests += 1
        claim_table.settle(reply.lost)
        if wanted:
            dispatcher.drained = not reply.claims
            self._stall_watch.note_claim(len(reply.claims))
        await self._reception.take_in(session, reply.claims, reply.revision)
        self._plan_promotion(reply.next_due)
        self._news.set()

    async def _not_finished(
        self, session: c.Session, dispatcher: Dispatcher, outcomes: tuple[c.Outcome, ...], error: Refused
    ) -> None:
        """It was one of the outcomes, or else the claim: a queue that is none, perhaps."""
        if outcomes:
            await self._refusals.singly(session, self._lease, dispatcher.claim_table, outcomes)
            self._news.set()
            return
        logger.error("the store does not let %s be claimed: %s", ", ".join(dispatcher.queues), error)
        dispatcher.queues = (*dispatcher.queues[1:], *dispatcher.queues[:1])
        asyncio.get_running_loop().call_later(_REFUSED_SECONDS, self._claim_anew)
        dispatcher.drained = True

    async def _give_back(self, session: c.Session, claim_table: ClaimTable) -> None:
        returns, deferrals = tuple(claim_table.returns), tuple(claim_table.deferrals)
        try:
            if returns:
                await session.call(c.Release(self._lease, returns))
                claim_table.given_back(len(returns), 0)
            if deferrals:
                await session.call(c.Defer(self._lease, deferrals))
                claim_table.given_back(0, len(deferrals))
        except Refused:
            await self._refusals.singly(session, self._lease, claim_table, tuple(claim_table.returns))
            await self._refusals.singly(session, self._lease, claim_table, tuple(claim_table.deferrals))

    async def _mark(self, session: c.Session) -> None:
        """Mark tasks in the store before user code sees them, and write what running ones say."""
        while True:
            await self._marks.wait()
            self._marks.clear()
            for dispatcher in self.dispatchers:
                if dispatcher.marking or dispatcher.words:
                    await self._start(session, dispatcher)
                    if self.stopping:
                        self._news.set()

    async def _start(self, session: c.Session, dispatcher: Dispatcher) -> None:
        frames = len(dispatcher.marking)
        starting = [held for _, items in dispatcher.marking for held in items if held.needs_start]
        words, dispatcher.words = dispatcher.words, {}
        begins = [
            c.StartItem(held.claim, held.task_id, self._started(held) if held.tracked else None, held.once)
            for held in starting
        ]
        try:
            reply = await session.call(c.Start(self._lease, formatted((*begins, *words.values()), self.store.format)))
        except Refused as error:
            logger.error("the store does not note that tasks begin, so they wait: %s", error)
            dispatcher.not_started()
            await asyncio.sleep(_REFUSED_SECONDS)
            return
        dispatcher.started(frames, reply.lost)

    def _started(self, held: HeldClaim) -> bytes:
        return document.write_started(held.task_id, os.getpid(), self.options.name, self._clock.now())

    async def _listen_for(self, session: c.Session, dispatcher: Dispatcher) -> None:
        """Wait for messages of this pool's queues, too."""
        if self._awaiting and dispatcher not in self._awaiting:
            await session.stop_waiting()
        self._wants_messages.set()

    async def _listen(self, session: c.Session) -> None:
        """While children are free and the queues empty, wait at the store."""
        while True:
            await self._wants_messages.wait()
            self._wants_messages.clear()
            wants_messages = [(each, count) for each in self.dispatchers if each.drained and (count := each.wanted())]
            if not wants_messages:
                continue
            self._awaiting = [dispatcher for dispatcher, _ in wants_messages]
            wanted = min([count for _, count in wants_messages])
            queues = tuple([queue for dispatcher in self._awaiting for queue in dispatcher.pool.queues])
            try:
                handed = await session.wait(queues, wanted)
            except Refused:
                # Other queues may have handed something over all the same: only a new session finds that.
                await asyncio.sleep(_REFUSED_SECONDS)
                raise
            finally:
                awaited, self._awaiting = self._awaiting, []
            for dispatcher in awaited:
                dispatcher.drained = handed is not None and len(handed.claims) < wanted
            if handed is not None:
                self._stall_watch.note_claim(len(handed.claims))
                await self._reception.take_in(session, handed.claims, handed.revision)
            self._news.set()

    # -- heartbeat and promote -----------------------------------------------------

    async def _heartbeat(self, session: c.Session) -> None:
        """Keep the lease, look at the others, take over from the dead."""
        while True:
            sent = monotonic()
            counters = self._counters()
            answer = await session.call(c.Heartbeat(self._lease, None if counters == self._told else counters))
            self._told = None if self.store.expiring else counters
            self._lease_holds_from(sent)
            self._plan_promotion(answer.next_due)
            await self._reception.learn(session, answer.revision)
            self._news.set()
            peers = self._neighbours.judge(answer.peers, self._lease.worker)
            for peer in self._watch.look(monotonic(), peers, self._lease.worker):
                await self._reap(session, peer)
            try:
                async with asyncio.timeout(self.store.heartbeat_seconds):
                    await self._heartbeat_now.wait()
                self._heartbeat_now.clear()
            except TimeoutError:
                pass

    def _counters(self) -> c.WorkerCounters:
        """What those who watch are told."""
        done = sum([each.stats.done for each in self.dispatchers])
        slots = sum([child.sync.width for each in self.dispatchers for child in each.children.values()])
        return c.WorkerCounters(done, dict(self._reception.taken), self._tasks.tell(), slots)

    def _lease_holds_from(self, sent: float) -> None:
        """The store has answered what was sent then: nothing may begin later than the lease allows."""
        if self._last_heartbeat:
            self.stats.longest_heartbeat_gap = max(self.stats.longest_heartbeat_gap, sent - self._last_heartbeat)
        self._last_heartbeat = sent
        until = sent + 0.75 * self.store.lease_seconds if self.store.expiring else float("inf")
        for dispatcher in self.dispatchers:
            dispatcher.lease_holds(until)

    async def _reap(self, session: c.Session, peer: c.Peer) -> None:
        # To close the lease now would give back, as if nobody had begun it, what comes in with the reply.
        self._reaping = True
        try:
            reaped = await session.call(c.Reap(self._lease, peer, session.reserve(1024), 1024))
        except Refused as error:
            logger.error("worker %s is dead, and what it held cannot be taken over: %s", peer.worker, error)
            return
        finally:
            self._reaping = False
        self._news.set()
        if not reaped.claims:
            return
        logger.warning("worker %s is dead: %s taken over", peer.worker, some(len(reaped.claims), "claim"))
        self.stats.reaped += len(reaped.claims)
        self._reception.inherit(reaped.claims)
        self._news.set()

    def _plan_promotion(self, next_due: int) -> None:
        """Wake up when the next delayed message is due."""
        if self._due_timer is not None:
            self._due_timer.cancel()
            self._due_timer = None
        if next_due >= 0:
            self._due_timer = asyncio.get_running_loop().call_later(next_due / 1000, self._due.set)

    async def _promote(self, session: c.Session) -> None:
        """Move delayed messages into their queues when they are due."""
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                promoted = await session.call(c.Promote())
            except Refused as error:
                logger.error("what is due cannot go to its queues: %s", error)
                await asyncio.sleep(_REFUSED_SECONDS)
                self._due.set()
                continue
            self._plan_promotion(promoted.next_due)
            if promoted.count:
                self._claim_anew()


async def _until_first(main: Coroutine[Any, Any, None], *others: Coroutine[Any, Any, None]) -> None:
    """Run side by side until `main` ends or any of them fails, then end the rest.

    Once `main` has ended, what happens to the others is of no interest: a heartbeat that crosses the end of the
    lease is refused, and rightly so.
    """
    tasks = [asyncio.ensure_future(activity) for activity in (main, *others)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        ended = next(task for task in tasks if task.done())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    ended.result()


def _nothing() -> None:
    """Nobody wants to hear."""
