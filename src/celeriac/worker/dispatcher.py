"""Between the ledger and the children. Hot path: core -> here -> child -> here -> core.

Hands out, collects, takes back. It never talks to the store: what it changes is the ledger, and `news` is
called when the core should look at it.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

from msgspec import Struct

from celeriac.clock import Clock
from celeriac.exceptions import WorkerLostError
from celeriac.message import document
from celeriac.message import task as wire
from celeriac.store import contract as c
from celeriac.worker import distribute
from celeriac.worker.attempt import DOCUMENT, decode_report
from celeriac.worker.crew import Child
from celeriac.worker.ledger import Held, Ledger
from celeriac.worker.pace import Pace
from celeriac.worker.port import Port, monotonic
from celeriac.worker.tasklog import TaskLog

logger = logging.getLogger("celeriac.worker")

TICK_SECONDS = 0.005
_STARVED_SECONDS = 0.05


class DispatchStats(Struct):
    """Counters for people, tests and benchmarks."""

    done: int = 0
    taken_back: int = 0
    child_deaths: int = 0


class Dispatcher:
    """Gives the children of one worker what is ready, and takes in what they have done."""

    def __init__(
        self, ledger: Ledger, shares: distribute.Shares, crash_limit: int, clock: Clock, news: Callable[[], None]
    ) -> None:
        self.children: dict[int, Child] = {}
        self.stats = DispatchStats()
        self.log = TaskLog(clock)
        self.stopping = False
        self.starting: list[tuple[Held, Port]] = []
        """Tasks to be marked in the store first, each with the port that is kept free for it."""
        self._ledger = ledger
        self._pace = Pace()
        self._shares = shares
        self._crash_limit = crash_limit
        self._clock = clock
        self._news = news
        self._valid_until = 0.0
        self._ticking = False
        self._starved_since = 0.0

    def admit(self, held: Held) -> None:
        """A claim that can run has come in."""
        self._pace.observe_kind(held.asynchronous)
        self._ledger.add(held)
        if self.log.enabled:
            self.log.received(held.name, held.task_id)

    def has_idle_child(self) -> bool:
        """Whether a child has nothing before it, or room for one more coroutine."""
        return distribute.any_idle(self.children.values(), self._shares)

    def wanted(self) -> int:
        """How many messages the children could use now."""
        if self.stopping or not self.children:
            return 0
        return distribute.wanted(self.children.values(), self._ledger, self._pace, self._shares, monotonic())

    def hand_out(self) -> None:
        """Give the children what is ready."""
        ledger = self._ledger
        if not (ledger.ready or ledger.ready_async):
            return
        if self.stopping:
            ledger.give_back_ready()
            self._news()
            return
        for port, items in distribute.plan(self.children.values(), ledger, self._pace, self._shares, monotonic()):
            if items[0].needs_start:
                port.reserved = True
                self.starting.append((items[0], port))
                self._news()
            else:
                self._hand_over(port, items)

    def _hand_over(self, port: Port, items: list[Held]) -> None:
        for held in items:
            self._ledger.hand_out(held)
        port.hand_over(items)
        if not self._ticking:
            self._ticking = True
            asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def started(self, count: int, lost: tuple[str, ...]) -> None:
        """The store has marked the first `count` of `starting`, but for the `lost` ones."""
        ports = self._ports()
        for held, port in self.starting[:count]:
            port.reserved = False
            if held.claim in lost:
                continue
            held.needs_start = False
            if self.stopping or port not in ports:
                # No user code saw it, so it may go back; the mark goes with this claim.
                self._ledger.give_back([held])
                self._news()
            else:
                self._hand_over(port, [held])
        del self.starting[:count]

    def not_started(self) -> None:
        """The store could not be asked; they wait like all others."""
        for held, port in self.starting:
            port.reserved = False
            self._ledger.take_back([held])
        self.starting.clear()

    def outcomes_waiting(self) -> None:
        """A child has woken the core."""
        self._collect()
        self.hand_out()
        self._news()

    def _collect(self) -> None:
        """Take in the outcomes of all children."""
        for child in self.children.values():
            for port in child.ports:
                self._collect_port(port)

    def _collect_port(self, port: Port) -> None:
        observe, end = self._pace.observe, self._ledger.end_with_document
        for held, seconds, kind, data in port.collect():
            self.stats.done += 1
            if not held.asynchronous:
                observe(held.name, seconds)
            if kind == DOCUMENT:
                end(held, data)
            else:
                self._ledger.end(held, decode_report(data))
            if self.log.enabled and kind == DOCUMENT:
                self.log.ended(held.name, held.task_id, seconds, data)

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
                self._ledger.take_back(back)
            busy = busy or bool(port.out) or bool(child.asynchronous.out)
        self.hand_out()
        self._release_what_waits(now)
        if self._ledger.ended or self.wanted():
            self._news()
        self._ticking = busy or bool(self._ledger.ready)
        if self._ticking:
            asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def _release_what_waits(self, now: float) -> None:
        """Claims for which no child is free go back: another worker may be idle."""
        ledger = self._ledger
        if not ledger.ready or any(not child.sync.stuck(now) for child in self.children.values()):
            self._starved_since = 0.0
        elif not self._starved_since:
            self._starved_since = now
        elif now - self._starved_since > _STARVED_SECONDS:
            self._starved_since = 0.0
            ledger.give_back(ledger.ready)
            ledger.ready.clear()
            self._news()

    # -- the lives of children ------------------------------------------------

    def _ports(self) -> list[Port]:
        return [port for child in self.children.values() if child.alive for port in child.ports]

    def child_started(self, child: Child) -> None:
        """It may begin tasks as long as the lease holds."""
        for port in child.ports:
            port.lane.valid_until = self._valid_until
        self._news()

    def lease_holds(self, until: float) -> None:
        """No child begins anything later than this, on the monotonic clock."""
        self._valid_until = until
        for port in self._ports():
            port.lane.valid_until = until

    def take_everything_back(self) -> None:
        """Leave the children only what they have begun."""
        for port in self._ports():
            self._ledger.take_back(port.take_back())

    def stop(self) -> None:
        """What has not begun goes back to the store; what has begun ends."""
        self.stopping = True
        self.take_everything_back()
        self.hand_out()

    def running(self) -> int:
        """How many tasks are in children's hands."""
        return sum([len(port.out) for port in self._ports()])

    def lease_valid(self, now: float) -> bool:
        """Whether children may begin tasks."""
        return now < self._valid_until

    def abandon(self) -> int:
        """Cut off what runs, and give it back without a charge; returns how many tasks that were.

        The children stand still before their claims go back, so that nothing runs here and elsewhere at once;
        to kill them comes after. What may run only once has failed.
        """
        for child in self.children.values():
            if child.pidfd >= 0:
                signal.pidfd_send_signal(child.pidfd, signal.SIGSTOP)
        self._collect()
        self.take_everything_back()
        self.hand_out()
        running = [held for port in self._ports() for held in port.out.values() if not held.stale]
        for held in running:
            if held.once:
                self._fail(held, f"the worker was stopped while it ran {held.name}[{held.task_id}]")
            else:
                self._ledger.give_back([held], wire.redelivered(held.raw))
            held.stale = True
        return len(running)

    def child_died(self, child: Child, cause: str) -> None:
        """Read what it left, charge what it had begun, and give the rest to others."""
        self.stats.child_deaths += 1
        for port in child.ports:
            self._collect_port(port)
            begun = port.begun()
            self._ledger.take_back([held for held in port.out.values() if held not in begun])
        # Of a plain task and coroutines that ran beside it, the plain one is charged: it had the main thread.
        plain, beside = child.sync.begun(), child.asynchronous.begun()
        for held in plain:
            self._charge(held, cause)
        for held in beside:
            self._charge(held, cause, counted=not plain)
        running = [held.task_id for held in (*plain, *beside)]
        logger.error("child %d died (%s); it was running %s", child.pid, cause, running or "nothing")
        asyncio.get_running_loop().call_soon(self.hand_out)
        self._news()

    def _charge(self, held: Held, cause: str, *, counted: bool = True) -> None:
        """A task whose child died: run it again, unless it may run once only or has done this too often."""
        crashes = held.crashes + counted
        if not held.once and crashes < self._crash_limit:
            self._ledger.give_back([held], wire.redelivered(held.raw, crashes=crashes))
            return
        self._fail(held, f"the child running {held.name}[{held.task_id}] died: {cause}; deaths: {crashes}")

    def _fail(self, held: Held, reason: str) -> None:
        error = WorkerLostError(reason)
        result = document.write_failure(held.task_id, error, self._clock.now())
        dead = c.DeadLetter(held.task_id, held.queue, held.raw, str(error))
        self._ledger.end(held, c.Outcome("", held.task_id, result, dead=dead))
