"""The core: claims, finishes, beats. Hot path: store -> here -> dispatcher -> child -> dispatcher -> here -> store.

One event loop, no user code, nothing that blocks. Five activities share a session with the store:

* `_exchange` sends what has ended and claims as much as the children can use, in one request;
* `_listen` waits for messages while the children have nothing to do;
* `_beat` keeps the lease, and takes over what dead workers held;
* `_promote` brings delayed messages into their queues when they are due;
* `_mind_progress` sees whether anything comes while messages wait, and ends a session that brings nothing.

When the session breaks, all end; the children go on with what they have begun, and a new session begins by
comparing notes with the store. When the lease is lost, everything held is forgotten: what runs runs to its
end, and its outcome is dropped here, as the store would refuse it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec import Struct

from celeriac import ids
from celeriac.clock import SYSTEM_CLOCK, Clock
from celeriac.exceptions import LeaseLost, OperationalError
from celeriac.message import document
from celeriac.store import contract as c
from celeriac.store.lease import Watch
from celeriac.worker import intake, reaping
from celeriac.worker.dispatcher import Dispatcher
from celeriac.worker.distribute import Shares
from celeriac.worker.frame import Manifest
from celeriac.worker.health import Health, judge
from celeriac.worker.ledger import Held, Ledger
from celeriac.worker.options import WorkerOptions
from celeriac.worker.port import monotonic
from celeriac.worker.progress import Progress

logger = logging.getLogger("celeriac.worker")

_FINISH_MOST = 256
_FINISH_BYTES = 1 << 20
_RECONNECT_SECONDS = (0.05, 2.0)


class CoreStats(Struct):
    """Counters for people, tests and benchmarks."""

    requests: int = 0
    reaped: int = 0
    leases: int = 0
    claimed: int = 0
    stalls: int = 0
    abandoned: int = 0
    """Tasks that a cold stop cut off, and outcomes that no store was there for."""
    longest_beat_gap: float = 0.0


class _Stalled(Exception):
    """A session brings nothing although messages wait."""


class Core:
    """A worker's dealings with its store. `run` returns when it has been stopped and holds nothing any more."""

    def __init__(self, store: c.Store, manifest: Manifest, options: WorkerOptions, clock: Clock = SYSTEM_CLOCK) -> None:
        self.store = store
        self.manifest = manifest
        self.options = options
        self.stats = CoreStats()
        self.ledger = Ledger()
        self.on_lease: Callable[[], None] = _nothing
        self._news = asyncio.Event()
        self.dispatcher = Dispatcher(
            self.ledger, Shares.of(manifest), int(manifest.settings["worker_crash_limit"]), clock, self._news.set
        )
        self._clock = clock
        self._rules = intake.Rules.of(manifest.settings)
        self._claim_bytes = int(manifest.settings["worker_claim_bytes"])
        self._watch = Watch(store.lease_seconds, store.lease_seconds / 2)
        self._lease = self._new_lease()
        self._opened = False
        self._number = 1
        self._session: c.Session | None = None
        self._empty = False
        self._hungry = asyncio.Event()
        self._queues = options.queues
        self._last_beat = 0.0
        self._beat_now = asyncio.Event()
        self._due = asyncio.Event()
        self._due_timer: asyncio.TimerHandle | None = None
        self._pause = _RECONNECT_SECONDS[0]
        self._away_since = 0.0
        self._told_to_stop = asyncio.Event()
        self._stall_timeout = float(manifest.settings.get("worker_stall_timeout", 10.0))
        self._stalls_in_a_row = 0
        self._last_claim = (0.0, 0)
        """When a claim was answered last, and with how many messages."""
        self._stop_waiting: asyncio.Future[None] | None = None
        self._neighbours = reaping.Neighbours(asyncio.get_running_loop(), self._beat_now.set)

    def _new_lease(self) -> c.Lease:
        return c.Lease(f"{self.options.name}/{ids.new_epoch()}", ids.new_epoch())

    def stop(self) -> None:
        """Claim nothing more, give back what has not begun, let the rest finish."""
        self.dispatcher.stop()
        self._told_to_stop.set()
        self._news.set()
        if self._session is not None:
            self._stop_waiting = asyncio.ensure_future(self._session.stop_waiting())

    def abandon(self) -> None:
        """After `stop`: give back what runs as well. The children stand still from here on and are to be killed."""
        self.stats.abandoned += self.dispatcher.abandon()
        self._news.set()

    def look(self, health: Health) -> Health:
        """Fill in how the worker is."""
        now = monotonic()
        health.children = len(self.dispatcher.children)
        health.running = self.dispatcher.running()
        health.answered = round(now - self._last_beat, 3) if self._last_beat else None
        health.stalls = self.stats.stalls
        lease = self._opened and self.dispatcher.lease_valid(now)
        return judge(health, lease=lease, stalls_in_a_row=self._stalls_in_a_row)

    # -- sessions -------------------------------------------------------------

    async def run(self) -> None:
        """Work until stopped, through losses of connection and lease."""
        # Who comes back later than the others must still beat within a lease of them.
        most = min(_RECONNECT_SECONDS[1], self.store.beat_seconds)
        while True:
            try:
                await self._work()
                return
            except LeaseLost:
                if self.dispatcher.stopping and self.ledger.empty:
                    return  # a wait at the store crossed the end of the lease
                self._forget_lease()
            except _Stalled as error:
                self._interrupted()
                logger.error("%s", error)
            except OperationalError as error:
                self._interrupted()
                self._away_since = self._away_since or monotonic()
                if self._may_give_up():
                    self._give_up()
                    return
                logger.warning("lost the store: %s; trying again in %.2g s", error, self._pause)
                if await self._told_to_stop_within(self._pause) and self._may_give_up():
                    self._give_up()
                    return
                self._pause = min(self._pause * 2, most)

    def _may_give_up(self) -> bool:
        """Told to stop, and the store is away: wait for it no longer than a lease once nothing runs any more.

        What is then not reported runs again elsewhere, when the lease is reaped.
        """
        if not self.dispatcher.stopping or self.ledger.out:
            return False
        return not self.ledger.known() or monotonic() - self._last_beat > 2 * self.store.lease_seconds

    def _give_up(self) -> None:
        self.stats.abandoned += len(self.ledger.ended)
        logger.error("stopped without the store; %d outcomes are lost to it", len(self.ledger.ended))

    async def _told_to_stop_within(self, seconds: float) -> bool:
        """Whether a stop is asked for, now or before so many seconds are over; one known of before does not count."""
        if self.dispatcher.stopping:
            await asyncio.sleep(seconds)
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._told_to_stop.wait()
        return self.dispatcher.stopping

    async def _work(self) -> None:
        """One session, from connecting to its end."""
        session = self._session = await self.store.connect(self._lease, self._number)
        session.on_news = self._beat_now.set
        try:
            await self._begin(session)
            await _until_first(
                self._exchange(session),
                self._listen(session),
                self._beat(session),
                self._promote(session),
                self._mind_progress(session),
            )
        finally:
            self._session = None
            self._number = session.reserve(0)
            await session.close()

    async def _begin(self, session: c.Session) -> None:
        """Open the lease, or find out what became of what was under way."""
        sent = monotonic()
        if self._opened:
            reply = await session.call(c.Reconcile(self._lease, self.ledger.known()))
            self._take_in(self.ledger.reconcile(reply))
            await session.call(c.Beat(self._lease))
        else:
            await session.call(c.OpenLease(self._lease, reaping.own_record(self.options.queues)))
            self._opened = True
            self.stats.leases += 1
            self.on_lease()
        self._lease_holds_from(sent)
        if self._away_since:
            logger.warning("the store is back after %.1f s", monotonic() - self._away_since)
            self._away_since = 0.0
        self._pause = _RECONNECT_SECONDS[0]
        self._empty = False
        self._news.set()

    def _interrupted(self) -> None:
        self.ledger.unsettle()
        self.dispatcher.not_started()
        self._watch.interrupted()

    def _forget_lease(self) -> None:
        self._interrupted()
        self.dispatcher.take_everything_back()
        count = self.ledger.lease_lost()
        logger.error("the lease was lost: %d claims belong to others now", count)
        self._lease = self._new_lease()
        self._opened = False
        self._number = 1

    # -- finish and claim -----------------------------------------------------

    async def _exchange(self, session: c.Session) -> None:
        """Send what has ended, claim what is wanted: one request at a time, as many in it as there are."""
        ledger, dispatcher = self.ledger, self.dispatcher
        while True:
            await self._news.wait()
            self._news.clear()
            dispatcher.hand_out()
            await self._give_back(session)
            await self._start(session)
            if dispatcher.stopping and ledger.empty and not dispatcher.starting:
                await session.call(c.CloseLease(self._lease))
                return
            outcomes = ledger.send(_FINISH_MOST, _FINISH_BYTES)
            wanted = dispatcher.wanted()
            if not outcomes and (not wanted or self._empty):
                if wanted and dispatcher.has_idle_child():
                    self._hungry.set()
                continue
            first = session.reserve(wanted + len(outcomes))
            reply = await session.call(c.Finish(self._lease, outcomes, self._queues, wanted, self._claim_bytes, first))
            # The first queue is served first: taking turns, no full one keeps the others waiting.
            self._queues = (*self._queues[1:], *self._queues[:1])
            self.stats.requests += 1
            ledger.settle(reply.lost)
            if wanted:
                self._empty = not reply.claims
                self._note_claim(len(reply.claims))
            self._take_in(reply.claims)
            self._plan_promotion(reply.next_due)
            self._news.set()

    async def _give_back(self, session: c.Session) -> None:
        returns, deferrals = tuple(self.ledger.returns), tuple(self.ledger.deferrals)
        if returns:
            await session.call(c.Release(self._lease, returns))
        if deferrals:
            await session.call(c.Defer(self._lease, deferrals))
        self.ledger.given_back(len(returns), len(deferrals))

    async def _start(self, session: c.Session) -> None:
        """Mark tasks in the store before user code sees them."""
        starting = [held for held, _ in self.dispatcher.starting]
        if starting:
            begins = tuple(c.Begin(held.claim, held.task_id, self._started(held), held.once) for held in starting)
            reply = await session.call(c.Start(self._lease, begins))
            self.dispatcher.started(len(starting), reply.lost)

    def _started(self, held: Held) -> bytes | None:
        if not held.tracked:
            return None
        return document.write_started(held.task_id, os.getpid(), self.options.name, self._clock.now())

    def _take_in(self, claims: tuple[c.Claim, ...]) -> None:
        """Let new claims go where they belong."""
        if not claims:
            return
        dispatcher, tasks, now = self.dispatcher, self.manifest.tasks, self._clock.now()
        for claim in claims:
            item = intake.sort(claim, tasks, now, self._rules)
            if isinstance(item, Held):
                dispatcher.admit(item)
                continue
            if isinstance(item, c.Deferral):
                self.ledger.deferrals.append(item)
            else:
                logger.error("a message of queue %s cannot run: %s", claim.queue, item.dead and item.dead.reason)
                self.ledger.ended.append(item)
            self._news.set()
        dispatcher.hand_out()

    async def _listen(self, session: c.Session) -> None:
        """While children are free and the queues empty, wait at the store."""
        while True:
            await self._hungry.wait()
            self._hungry.clear()
            wanted = self.dispatcher.wanted()
            if not wanted:
                continue
            handed = await session.wait(self.options.queues, wanted)
            self._empty = handed is not None and len(handed.claims) < wanted
            if handed is not None:
                self._note_claim(len(handed.claims))
            self._take_in(handed.claims if handed else ())
            self._news.set()

    def _note_claim(self, count: int) -> None:
        """What the last claim brought, for the day when nothing comes any more."""
        self._last_claim = (monotonic(), count)
        if count:
            self.stats.claimed += count
            self._stalls_in_a_row = 0

    async def _mind_progress(self, session: c.Session) -> None:
        """Notice that nothing comes although messages wait and children are free (promise G12)."""
        progress = Progress(self._stall_timeout or float("inf"))
        progress.resumed(self.stats.claimed)
        while True:
            await asyncio.sleep(min(progress.pause, 86400))
            waiting = 0
            if not progress.resumed(self.stats.claimed) and self.dispatcher.wanted():
                waiting = sum([row.ready for row in await session.call(c.Stats(self.options.queues))])
            now = monotonic()
            since = progress.look(now, waiting)
            if since is not None:
                self.stats.stalls += 1
                self._stalls_in_a_row += 1
                raise _Stalled(self._describe_stall(waiting, now - since))

    def _describe_stall(self, waiting: int, seconds: float) -> str:
        when, count = self._last_claim
        last = (
            f"the last claim was answered {monotonic() - when:.1f} s ago with {count} messages" if when else "none was"
        )
        return (
            f"{waiting} messages have been waiting for {seconds:.1f} s and more, {self.dispatcher.wanted()} more could "
            f"be taken, and nothing came; {last}; building the session from nothing (stall {self.stats.stalls})"
        )

    # -- beat and promote -----------------------------------------------------

    async def _beat(self, session: c.Session) -> None:
        """Keep the lease, look at the others, take over from the dead."""
        while True:
            sent = monotonic()
            beaten = await session.call(c.Beat(self._lease))
            self._lease_holds_from(sent)
            self._plan_promotion(beaten.next_due)
            self._news.set()
            peers = self._neighbours.judge(beaten.peers, self._lease.worker)
            for peer in self._watch.look(monotonic(), peers, self._lease.worker):
                await self._reap(session, peer)
            try:
                async with asyncio.timeout(self.store.beat_seconds):
                    await self._beat_now.wait()
                self._beat_now.clear()
            except TimeoutError:
                pass

    def _lease_holds_from(self, sent: float) -> None:
        """The store has answered what was sent then: nothing may begin later than the lease allows."""
        if self._last_beat:
            self.stats.longest_beat_gap = max(self.stats.longest_beat_gap, sent - self._last_beat)
        self._last_beat = sent
        self.dispatcher.lease_holds(sent + 0.75 * self.store.lease_seconds if self.store.expiring else float("inf"))

    async def _reap(self, session: c.Session, peer: c.Peer) -> None:
        request = c.Reap(self._lease, peer, session.reserve(1024), 1024)
        reaped = await session.call(request)
        if not reaped.claims:
            return
        logger.warning("worker %s is dead: %d claims taken over", peer.worker, len(reaped.claims))
        self.stats.reaped += len(reaped.claims)
        returns, outcomes = reaping.sort(reaped.claims, self._clock.now())
        self.ledger.returns += returns
        self.ledger.ended.extend(outcomes)
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
            promoted = await session.call(c.Promote())
            self._plan_promotion(promoted.next_due)
            self._empty = self._empty and not promoted.count
            self._news.set()


async def _until_first(main: Coroutine[Any, Any, None], *others: Coroutine[Any, Any, None]) -> None:
    """Run side by side until `main` ends or any of them fails, then end the rest.

    Once `main` has ended, what happens to the others is of no interest: a beat that crosses the end of the
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
