"""The core: claims, hands over, finishes, beats. Hot path: store -> here -> child -> here -> store.

One event loop, no user code, nothing that blocks. Three activities share a session with the store:

* `_exchange` sends what has ended and claims as much as the children can use, in one request;
* `_listen` waits for messages while the children have nothing to do;
* `_beat` keeps the lease, and takes over what dead workers held.

When the session breaks, all three end; the children go on with what they have begun, and a new session
begins by comparing notes with the store. When the lease is lost, everything held is forgotten: what runs
runs to its end, and its outcome is dropped here, as the store would refuse it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec import Struct

from celeriac import ids
from celeriac.clock import SYSTEM_CLOCK, Clock
from celeriac.exceptions import LeaseLost, MalformedMessage, NotRegistered, OperationalError, WorkerLostError
from celeriac.message import document
from celeriac.message import task as wire
from celeriac.sender import read_time
from celeriac.store import contract as c
from celeriac.store.lease import Watch
from celeriac.worker import distribute, reaping
from celeriac.worker.crew import Child
from celeriac.worker.executor import DOCUMENT, decode_report, refusal
from celeriac.worker.frame import Manifest
from celeriac.worker.ledger import Held, Ledger
from celeriac.worker.pace import Pace
from celeriac.worker.port import Port, monotonic
from celeriac.worker.tasklog import TaskLog

logger = logging.getLogger("celeriac.worker")

TICK_SECONDS = 0.005
_FINISH_MOST = 256
_FINISH_BYTES = 1 << 20
_RECONNECT_SECONDS = (0.05, 2.0)
_IDLE_RELEASE_SECONDS = 0.05
_ADVANCE_LATER_MS = 5000


class WorkerOptions(Struct, frozen=True):
    """What the command line says of a worker."""

    app: str
    name: str
    queues: tuple[str, ...]
    concurrency: int
    log_level: str = "INFO"


class CoreStats(Struct):
    """Counters for people, tests and benchmarks."""

    done: int = 0
    requests: int = 0
    taken_back: int = 0
    reaped: int = 0
    leases: int = 0
    longest_beat_gap: float = 0.0


class Core:
    """Everything a worker decides. `run` returns when it has been stopped and holds nothing any more."""

    def __init__(self, store: c.Store, manifest: Manifest, options: WorkerOptions, clock: Clock = SYSTEM_CLOCK) -> None:
        self.store = store
        self.manifest = manifest
        self.options = options
        self.ledger = Ledger()
        self.pace = Pace()
        self.stats = CoreStats()
        self.children: dict[int, Child] = {}
        self.log = TaskLog(clock)
        self.stopping = False
        self.on_lease: Callable[[], None] = _nothing
        self._clock = clock
        self._crash_limit = int(manifest.settings.get("worker_crash_limit", 3))
        self._claim_bytes = int(manifest.settings.get("worker_claim_bytes", 1 << 20))
        self._shares = distribute.Shares.of(manifest)
        self._watch = Watch(store.lease_seconds, store.lease_seconds / 2)
        self._lease = self._new_lease()
        self._opened = False
        self._number = 1
        self._last_beat = 0.0
        self._valid_until = 0.0
        self._session: c.Session
        self._news = asyncio.Event()
        self._hungry = asyncio.Event()
        self._beat_now = asyncio.Event()
        self._due = asyncio.Event()
        self._due_timer: asyncio.TimerHandle | None = None
        self._ticking = False
        self._empty = False
        self._starved_since = 0.0
        self._returns: list[c.Return] = []
        self._deferrals: list[c.Deferral] = []
        self._starting: list[tuple[Held, Port]] = []
        self._stop_waiting: asyncio.Future[None] | None = None
        self._pause = _RECONNECT_SECONDS[0]
        self._neighbours = reaping.Neighbours(asyncio.get_running_loop(), self._beat_now.set)

    def _new_lease(self) -> c.Lease:
        return c.Lease(f"{self.options.name}/{ids.new_epoch()}", ids.new_epoch())

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
                self._forget_lease()
            except OperationalError as error:
                logger.warning("lost the store: %s; trying again in %.2g s", error, self._pause)
                self._interrupted()
                await asyncio.sleep(self._pause)
                self._pause = min(self._pause * 2, most)

    async def _work(self) -> None:
        """One session, from connecting to its end."""
        session = self._session = await self.store.connect(self._lease, self._number)
        try:
            await self._begin(session)
            await _until_first(
                self._exchange(session), self._listen(session), self._beat(session), self._promote(session)
            )
        finally:
            self._number = session.reserve(0)
            await session.close()

    async def _begin(self, session: c.Session) -> None:
        """Open the lease, or find out what became of what was under way."""
        sent = monotonic()
        if self._opened:
            reply = await session.call(c.Reconcile(self._lease, self._known()))
            self._take_in(self.ledger.reconcile(reply))
            await session.call(c.Beat(self._lease))
        else:
            await session.call(c.OpenLease(self._lease, reaping.own_record(self.options.queues)))
            self._opened = True
            self.stats.leases += 1
            self.on_lease()
        self._lease_holds_from(sent)
        self._pause = _RECONNECT_SECONDS[0]
        self._empty = False
        self._news.set()

    def _known(self) -> tuple[str, ...]:
        """All claims that are held, as far as is known here."""
        returned = [item.claim for item in self._returns]
        return (*self.ledger.known(), *returned, *(item.claim for item in self._deferrals))

    def _interrupted(self) -> None:
        self.ledger.unsettle()
        self._watch.interrupted()
        for held, port in self._starting:
            port.reserved = False
            self.ledger.take_back([held])
        self._starting.clear()

    def _forget_lease(self) -> None:
        self._interrupted()
        for port in self._ports():
            self.ledger.take_back(port.take_back())
        self._returns.clear()
        self._deferrals.clear()
        count = self.ledger.lease_lost()
        logger.error("the lease was lost: %d claims belong to others now", count)
        self._lease = self._new_lease()
        self._opened = False
        self._number = 1

    # -- finish and claim -----------------------------------------------------

    async def _exchange(self, session: c.Session) -> None:
        """Send what has ended, claim what is wanted: one request at a time, as many in it as there are."""
        while True:
            await self._news.wait()
            self._news.clear()
            self.hand_out()
            await self._give_back(session)
            await self._start(session)
            if self.stopping and self._idle():
                await session.call(c.CloseLease(self._lease))
                return
            outcomes = self.ledger.send(_FINISH_MOST, _FINISH_BYTES)
            wanted = self._wanted()
            if not outcomes and (not wanted or self._empty):
                if wanted:
                    self._hungry.set()
                continue
            first = session.reserve(wanted + len(outcomes))
            reply = await session.call(
                c.Finish(self._lease, outcomes, self.options.queues, wanted, self._claim_bytes, first)
            )
            self.stats.requests += 1
            self.ledger.settle(reply.lost)
            if wanted:
                self._empty = not reply.claims
            self._take_in(reply.claims)
            self._plan_promotion(reply.next_due)
            self._news.set()

    async def _give_back(self, session: c.Session) -> None:
        if returns := tuple(self._returns):
            await session.call(c.Release(self._lease, returns))
            del self._returns[: len(returns)]
        if deferrals := tuple(self._deferrals):
            await session.call(c.Defer(self._lease, deferrals))
            del self._deferrals[: len(deferrals)]

    async def _start(self, session: c.Session) -> None:
        """Mark tasks in the store before user code sees them, then hand each to the child kept free for it."""
        if not self._starting:
            return
        starting = tuple(self._starting)
        begins = tuple(
            c.Begin(held.claim, held.task_id, self._started_document(held), held.once) for held, _ in starting
        )
        reply = await session.call(c.Start(self._lease, begins))
        del self._starting[: len(starting)]
        for held, port in starting:
            port.reserved = False
            if held.claim in reply.lost:
                continue
            held.needs_start = False
            if self.stopping or port not in self._ports():
                self._return_started(held)
            else:
                self._hand_over(port, [held])

    def _return_started(self, held: Held) -> None:
        """It was marked as started, but no user code saw it: the mark goes with a new claim."""
        self._returns.append(c.Return(held.claim))
        self._news.set()

    def _started_document(self, held: Held) -> bytes | None:
        spec = self.manifest.tasks[held.name]
        if not spec.tracked or held.ignore_result:
            return None
        return document.write_started(held.task_id, os.getpid(), self.options.name, self._clock.now())

    def _wanted(self) -> int:
        """How many messages to claim now."""
        if self.stopping or not self.children:
            return 0
        return distribute.wanted(self.children.values(), self.ledger, self.pace, self._shares, monotonic())

    def _idle(self) -> bool:
        ledger = self.ledger
        here = ledger.out or ledger.ended or ledger.sent or ledger.ready or ledger.ready_async
        return not (here or self._returns or self._deferrals or self._starting)

    def _take_in(self, claims: tuple[c.Claim, ...]) -> None:
        """Sort new claims: to run, to wait for their time, to refuse."""
        for claim in claims:
            if claim.queue == c.ADVANCE_QUEUE:
                self._deferrals.append(c.Deferral(claim.id, claim.id, self._now_ms() + _ADVANCE_LATER_MS))
                continue
            if claim.started:
                self.ledger.ended.append(reaping.failed(claim, self._clock.now()))
                continue
            try:
                self._admit(claim)
            except (MalformedMessage, NotRegistered) as error:
                logger.error("refused a message of queue %s: %s", claim.queue, error)
                outcome = refusal(claim.raw, claim.queue, error, self._clock.now())
                self.ledger.ended.append(c.Outcome(claim.id, outcome.task, outcome.result, dead=outcome.dead))
        if self.log.enabled:
            self.log.flush()
        if claims:
            self.hand_out()
            if self.ledger.ended or self._deferrals or self.stopping:
                self._news.set()

    def _admit(self, claim: c.Claim) -> None:
        headers = wire.read_headers(claim.raw)
        spec = self.manifest.tasks.get(headers.task)
        if spec is None:
            raise NotRegistered(headers.task)
        if headers.eta and not headers.held:
            due = _milliseconds(headers.eta)
            if due > self._now_ms():
                raw = wire.rewrite(claim.raw, **{wire.HELD: True})
                self._deferrals.append(c.Deferral(claim.id, headers.id, due, raw))
                return
        held = Held(claim.id, claim.queue, claim.priority, claim.raw, headers.id, headers.task, headers.crashes)
        held.asynchronous = spec.asynchronous
        held.needs_start = spec.once or spec.tracked
        held.once = spec.once
        held.ignore_result = bool(headers.ignore_result)
        self.pace.observe_kind(spec.asynchronous)
        self.ledger.add(held)
        if self.log.enabled:
            self.log.received(held.name, held.task_id)

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)

    # -- children -------------------------------------------------------------

    def _ports(self) -> list[Port]:
        return [port for child in self.children.values() if child.alive for port in child.ports]

    def hand_out(self) -> None:
        """Give the children what is ready."""
        if self.stopping:
            self._return_all()
        elif self.ledger.ready or self.ledger.ready_async:
            plan = distribute.plan(self.children.values(), self.ledger, self.pace, self._shares, monotonic())
            for port, items in plan:
                if items[0].needs_start:
                    port.reserved = True
                    self._starting.append((items[0], port))
                    self._news.set()
                else:
                    self._hand_over(port, items)

    def child_started(self, child: Child) -> None:
        """It may begin tasks as long as the lease holds."""
        for port in child.ports:
            port.lane.valid_until = self._valid_until
        self._news.set()

    def _hand_over(self, port: Port, items: list[Held]) -> None:
        for held in items:
            self.ledger.hand_out(held)
        port.hand_over(items)
        if not self._ticking:
            self._ticking = True
            asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def outcomes_waiting(self) -> None:
        """A child has woken the core."""
        self._collect()
        self.hand_out()
        self._news.set()

    def _collect(self) -> None:
        """Take in the outcomes of all children."""
        before = self.stats.done
        for child in self.children.values():
            for port in child.ports:
                self._collect_port(port)
        if self.stats.done != before and self.log.enabled:
            self.log.flush()

    def _collect_port(self, port: Port) -> None:
        observe, end = self.pace.observe, self.ledger.end_with_document
        for held, seconds, kind, data in port.collect():
            self.stats.done += 1
            if not held.asynchronous:
                observe(held.name, seconds)
            if kind == DOCUMENT:
                end(held, data)
            else:
                self.ledger.end(held, decode_report(data))
            if self.log.enabled:
                self.log.ended(held.name, held.task_id, seconds, data if kind == DOCUMENT else b"")

    def _tick(self) -> None:
        """While children are busy: fetch what ended, and relieve those whose task turns out to be long."""
        self._collect()
        now = monotonic()
        busy = False
        for child in self.children.values():
            port = child.sync
            if len(port.out) > 1 and port.stuck(now):
                back = port.take_back()
                self.stats.taken_back += len(back)
                self.ledger.take_back(back)
            busy = busy or bool(port.out) or bool(child.asynchronous.out)
        self.hand_out()
        self._release_what_waits(now)
        if self.ledger.ended or self._wanted():
            self._news.set()
        self._ticking = busy or bool(self.ledger.ready)
        if self._ticking:
            asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def _release_what_waits(self, now: float) -> None:
        """Claims for which no child is free go back: another worker may be idle."""
        if not self.ledger.ready or any(not child.sync.stuck(now) for child in self.children.values()):
            self._starved_since = 0.0
        elif not self._starved_since:
            self._starved_since = now
        elif now - self._starved_since > _IDLE_RELEASE_SECONDS:
            self._starved_since = 0.0
            self._returns += [c.Return(held.claim) for held in self.ledger.ready]
            self.ledger.ready.clear()
            self._news.set()

    def child_died(self, child: Child, cause: str) -> None:
        """Read what it left, charge what it had begun, and give the rest to others."""
        for port in child.ports:
            self._collect_port(port)
            begun = port.begun()
            self.ledger.take_back([held for held in port.out.values() if held not in begun])
        # Of a plain task and coroutines that ran beside it, the plain one is charged: it had the main thread.
        plain, beside = child.sync.begun(), child.asynchronous.begun()
        for held in plain:
            self._charge(held, cause)
        for held in beside:
            self._charge(held, cause, counted=not plain)
        running = [held.task_id for held in (*plain, *beside)]
        logger.error("child %d died (%s); it was running %s", child.pid, cause, running or "nothing")
        asyncio.get_running_loop().call_soon(self.hand_out)
        self._news.set()

    def _charge(self, held: Held, cause: str, *, counted: bool = True) -> None:
        """A task whose child died: run it again, unless it may run once only or has done this too often."""
        crashes = held.crashes + counted
        if not held.once and crashes < self._crash_limit:
            self.ledger.drop([held])
            if not held.stale:
                self._returns.append(c.Return(held.claim, wire.redelivered(held.raw, crashes=crashes)))
            return
        error = WorkerLostError(f"the child running {held.name}[{held.task_id}] died: {cause}; deaths: {crashes}")
        result = document.write_failure(held.task_id, error, self._clock.now())
        dead = c.DeadLetter(held.task_id, held.queue, held.raw, str(error))
        self.ledger.end(held, c.Outcome("", held.task_id, result, dead=dead))

    # -- waiting, beating, promoting ------------------------------------------

    async def _listen(self, session: c.Session) -> None:
        """While children are free and the queues empty, wait at the store."""
        while True:
            await self._hungry.wait()
            self._hungry.clear()
            wanted = self._wanted()
            if not wanted:
                continue
            claims = await session.wait(self.options.queues, wanted)
            self._empty = claims is not None and len(claims) < wanted
            self._take_in(claims or ())
            self._news.set()

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
        """The store has answered what was sent then: no child begins anything later than the lease allows."""
        if self._last_beat:
            self.stats.longest_beat_gap = max(self.stats.longest_beat_gap, sent - self._last_beat)
        self._last_beat = sent
        self._valid_until = sent + 0.75 * self.store.lease_seconds if self.store.expiring else float("inf")
        for child in self.children.values():
            self.child_started(child)

    async def _reap(self, session: c.Session, peer: c.Peer) -> None:
        request = c.Reap(self._lease, peer, session.reserve(1024), 1024)
        reaped = await session.call(request)
        if not reaped.claims:
            return
        logger.warning("worker %s is dead: %d claims taken over", peer.worker, len(reaped.claims))
        self.stats.reaped += len(reaped.claims)
        returns, outcomes = reaping.sort(reaped.claims, self._clock.now())
        self._returns += returns
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

    # -- the end --------------------------------------------------------------

    def stop(self) -> None:
        """Claim nothing more, give back what has not begun, let the rest finish."""
        if not self.stopping:
            self.stopping = True
            for port in self._ports():
                self.ledger.take_back(port.take_back())
            self.hand_out()
            self._news.set()
            if self._opened:
                self._stop_waiting = asyncio.ensure_future(self._session.stop_waiting())

    def _return_all(self) -> None:
        items = self.ledger.take_ready()
        self._returns += [c.Return(held.claim) for held in items]
        if items:
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


def _milliseconds(eta: str) -> int:
    """An ETA in milliseconds since 1970."""
    try:
        return int(read_time(eta).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise MalformedMessage(f"the eta {eta!r} is no time: {error}") from error
