"""Between the claims and the children. Hot path: core -> here -> child -> here -> core.

One for each pool. Hands out, collects, takes back. It never talks to the store: what it changes is the
claim table, and `news` is called when the core should look at it. What happens to children and to what they run
(deaths, limits, replacements) is in `warden`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

from msgspec import Struct

from celeriac.clock import Clock
from celeriac.stores import contract as c
from celeriac.worker.core import distribute
from celeriac.worker.core.claim_table import ClaimTable, HeldClaim
from celeriac.worker.core.counters import Tasks
from celeriac.worker.core.pace import Pace
from celeriac.worker.core.port import Port, monotonic
from celeriac.worker.core.screen import Running
from celeriac.worker.core.supervisor import Cause, Child
from celeriac.worker.core.warden import Warden
from celeriac.worker.lane.outcome import DOCUMENT, decode_report
from celeriac.worker.log.tasklog import TaskLog
from celeriac.worker.options import Pool

logger = logging.getLogger("celeriac.worker")

TICK_SECONDS = 0.005
QUIET_TICK_SECONDS = 0.1
"""The longest pause, reached by doubling while there is nothing to do but to mind time limits: what ends calls."""
_STARVED_SECONDS = 0.05


class DispatchStats(Struct):
    """Counters for people, tests and benchmarks."""

    done: int = 0
    taken_back: int = 0
    child_deaths: int = 0


class Dispatcher:
    """Gives the children of one pool what is ready, and takes in what they have done."""

    def __init__(
        self,
        worker: str,
        index: int,
        pool: Pool,
        shares: distribute.Shares,
        clock: Clock,
        news: Callable[[], None],
        marks: Callable[[], None],
        tasks: Tasks,
    ) -> None:
        self.worker = worker
        self.pool = pool
        self.index = index
        self.queues = pool.queues
        self.drained = False
        """Whether its queues were empty when the store was asked last."""
        self.children: dict[int, Child] = {}
        self.claim_table = ClaimTable()
        self.stats = DispatchStats()
        self.tasks = tasks
        self.log = TaskLog(clock)
        self.stopping = False
        self.marking: list[tuple[Port, list[HeldClaim]]] = []
        """Frames with tasks that the store is to mark before user code sees them, each with the port it is for."""
        self.shares = shares
        self.news = news
        self._marks = marks
        """To be called when there is something in `marking` or `words`."""
        self._pace = Pace()
        self._valid_until = 0.0
        self._ticking: asyncio.TimerHandle | None = None
        self._tick_seconds = TICK_SECONDS
        self._starved_since = 0.0
        self.words: dict[str, c.StartItem] = {}
        """What running tasks have said and the store has not heard."""
        self.warden = Warden(self, shares.crash_limit, shares.failed_bytes, clock)

    def admit(self, held: HeldClaim) -> None:
        """A claim that can run has come in."""
        self._pace.observe_kind(held.asynchronous)
        if held.crashes:
            held.suspect = self.warden.suspects(held)
        self.claim_table.add(held)

    def has_idle_child(self) -> bool:
        """Whether a child has nothing before it, or room for one more coroutine."""
        return distribute.any_idle(self.children.values(), self.shares, monotonic())

    def wanted(self) -> int:
        """How many messages the children could use now."""
        if self.stopping or not self.children:
            return 0
        return distribute.wanted(self.children.values(), self.claim_table, self._pace, self.shares, monotonic())

    def hand_out(self) -> None:
        """Give the children what is ready."""
        claim_table = self.claim_table
        self.warden.look()
        if not claim_table.waiting:
            return
        if self.stopping:
            claim_table.give_back_ready()
            self.news()
            return
        for port, items in distribute.plan(self.children.values(), claim_table, self._pace, self.shares, monotonic()):
            self.give(port, items)
        self.warden.replace_spent()

    def give(self, port: Port, items: list[HeldClaim]) -> None:
        """Hand these over, after the store has marked them where they need that."""
        if any(held.needs_start for held in items):
            self.claim_table.start(items)
            port.coming += items
            self.marking.append((port, items))
            self._marks()
        else:
            self._hand_over(port, items)

    def _hand_over(self, port: Port, items: list[HeldClaim]) -> None:
        if self.log.enabled:
            self._tell_received(items)
        for held in items:
            self.claim_table.hand_out(held)
        port.hand_over(items)
        self.tick_soon()

    def _tell_received(self, items: list[HeldClaim]) -> None:
        """Log that these came: not those that go back unseen, none twice, and before their child says a word."""
        for held in items:
            if not held.told:
                held.told = True
                self.log.received(held.name, held.task_id)
        self.log.flush()

    def judge(self, port: Port, held: HeldClaim) -> None:
        """Hand over what has failed, for the code that its task has for that."""
        assert held.failure is not None
        self.claim_table.hand_out(held)
        port.hand_over_verdict(held, held.failure)
        self.tick_soon()

    def tick_soon(self) -> None:
        """Look after the children from now on, until they have nothing left."""
        if self._ticking is None or self._tick_seconds > TICK_SECONDS:
            self._plan_tick(TICK_SECONDS)

    def _plan_tick(self, seconds: float) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
        self._tick_seconds = seconds
        self._ticking = asyncio.get_running_loop().call_later(seconds, self._tick)

    def _tick_again(self, seconds: float) -> None:
        """Unless something was handed over meanwhile: then it is planned."""
        if self._ticking is None:
            self._plan_tick(seconds)

    def started(self, count: int, lost: tuple[str, ...]) -> None:
        """The store has marked the first `count` frames of `marking`, but for the `lost` claims.

        No user code has seen them, so they may go back, and the mark goes with the claim. While it is held, no
        child has to be told again that the store knows.
        """
        gone, ports = set(lost), self._ports()
        frames, self.marking = self.marking[:count], self.marking[count:]
        for port, items in frames:
            del port.coming[: len(items)]
            frame = [held for held in items if self._is_to_run(held, gone)]
            port.quota.left += len(items) - len(frame)
            if self.stopping:
                self.claim_table.give_back(frame)
                self.news()
            elif port not in ports:
                self.claim_table.take_back(frame)
                self.news()
            elif frame:
                self._hand_over(port, frame)

    def _is_to_run(self, held: HeldClaim, lost: set[str]) -> bool:
        """Whether a task that was marked goes on to its child."""
        if lost and held.claim in lost:
            self.claim_table.starting.pop(held.claim, None)
        if held.claim not in self.claim_table.starting:
            return False
        held.needs_start = False
        revoked = self.warden.revoked_starting
        revocation = revoked.pop(held.claim, None) if revoked else None
        if revocation is not None:
            self.end(held, c.Outcome("", held.task_id, revocation.result))
        return revocation is None

    def not_started(self) -> None:
        """The store could not be asked; they wait like all others."""
        for port, items in reversed(self.marking):
            del port.coming[: len(items)]
            port.quota.left += len(items)
            self.claim_table.take_back([held for held in items if held.claim in self.claim_table.starting])
        self.marking.clear()
        self.warden.revoked_starting.clear()

    def outcomes_waiting(self) -> None:
        """A child has woken the core."""
        self.collect()
        self.warden.replace_those_that_ask()
        self.hand_out()
        self.news()

    def collect(self) -> None:
        """Take in the outcomes of all children."""
        for child in self.children.values():
            for port in child.ports:
                self.collect_port(port)

    def collect_port(self, port: Port) -> None:
        """Take in the outcomes of one port."""
        observe, end, note = self._pace.observe, self.claim_table.end_with_document, self.tasks.ended
        result: bytes | None
        for held, seconds, kind, data in port.collect():
            self.stats.done += 1
            if not held.asynchronous:
                observe(held.name, seconds)
            if kind == DOCUMENT:
                end(held, result := data)
            else:
                outcome = self.warden.complete(held, decode_report(data))
                self.claim_table.end(held, outcome)
                result = outcome.result
            note(held.name, seconds, result)
            if self.log.enabled and result is not None:
                self.log.ended(held.name, held.task_id, seconds, result)
        if port.words:
            self._hear(port)

    def _hear(self, port: Port) -> None:
        """Have written what running tasks say: of each the last word, and nothing of those that have ended."""
        for word in port.words:
            for each in self._ports():
                for number, held in each.out.items():
                    if held.task_id == word.task and each.has_begun(number):
                        self.words[held.claim] = c.StartItem(held.claim, held.task_id, word.document)
        port.words.clear()
        self._marks()

    def _tick(self) -> None:
        """While children are busy: fetch what ended, and relieve those whose task turns out to be long."""
        self._ticking = None
        done = self.stats.done
        self.collect()
        now = monotonic()
        busy = waits = False
        for child in list(self.children.values()):
            for port in child.ports:
                if port.attentive:
                    waits = waits or port.relieved or port.waits()
                    self._relieve(port, now)
                elif len(port.out) > port.width:
                    waits = True
                    if port.stuck(now):
                        self.take_back(port)
                busy = busy or bool(port.out) or port.deaf(now)
            self.warden.enforce(child, now)
        self.hand_out()
        self._release_what_waits(now)
        if self.claim_table.ended or self.wanted():
            self.news()
        waits = waits or self.claim_table.waiting or bool(self.claim_table.failed)
        if busy or waits:
            quiet = not waits and self.stats.done == done
            self._tick_again(min(2 * self._tick_seconds, QUIET_TICK_SECONDS) if quiet else TICK_SECONDS)

    def _relieve(self, port: Port, now: float) -> None:
        """What waits in a child that does not even read begins elsewhere."""
        if not port.waits():
            return
        if port.deaf(now):
            self.take_back(port)
        else:
            port.knock(now)

    def take_back(self, port: Port) -> None:
        """What the child has not begun waits here again."""
        back = port.take_back()
        self.stats.taken_back += len(back)
        self.claim_table.take_back(back)

    def _release_what_waits(self, now: float) -> None:
        """Claims for which no child is free go back: another worker may be idle."""
        claim_table, children = self.claim_table, [child for child in self.children.values() if child.open]
        plain = claim_table.ready and all(child.sync.stuck(now) for child in children)
        coroutines = claim_table.ready_async and all(child.asynchronous.stuck(now) for child in children)
        if not (plain or coroutines) or not children:
            self._starved_since = 0.0
        elif not self._starved_since:
            self._starved_since = now
        elif now - self._starved_since > _STARVED_SECONDS:
            self._starved_since = 0.0
            for line, starved in ((claim_table.ready, plain), (claim_table.ready_async, coroutines)):
                if starved:
                    claim_table.give_back(line)
                    line.clear()
            self.news()

    # -- the lives of children ------------------------------------------------

    def _ports(self) -> list[Port]:
        return [port for child in self.children.values() if child.alive for port in child.ports]

    def child_started(self, child: Child) -> None:
        """It may begin tasks as long as the lease holds."""
        self.children[child.slot] = child
        for port in child.ports:
            port.lane.valid_until = self._valid_until
        self.news()

    def child_died(self, child: Child, cause: Cause) -> None:
        """Read what it left, judge what it had begun, and give the rest to others."""
        self.stats.child_deaths += 1
        self.warden.child_died(child, cause)
        asyncio.get_running_loop().call_soon(self.hand_out)
        self.news()

    def lease_holds(self, until: float) -> None:
        """No child begins anything later than this, on the monotonic clock."""
        self._valid_until = until
        for port in self._ports():
            port.lane.valid_until = until

    def reconcile(self, reply: c.Reconciled) -> None:
        """Forget what the store does not hold, before the lease is known to hold on: no child may begin it then."""
        self.claim_table.reconcile(reply)
        if any(held.stale for held in self.claim_table.out.values()):
            self.take_everything_back()

    def take_everything_back(self) -> None:
        """Leave the children only what they have begun."""
        for port in self._ports():
            self.claim_table.take_back(port.take_back())

    def stop(self) -> None:
        """What has not begun goes back to the store; what has begun ends."""
        self.stopping = True
        self.take_everything_back()
        self.hand_out()

    def running(self) -> int:
        """How many tasks are in children's hands."""
        return sum([len(port.out) for port in self._ports()])

    def in_hand(self, now: float) -> Iterator[Running]:
        """What children have begun, as people want to know it."""
        for port in self._ports():
            # A lane tells of one task since when it runs.
            seconds = now - port.lane.since if port.width == 1 and port.lane.since else None
            for number, held in port.out.items():
                if port.has_begun(number):
                    yield Running(held.name, held.task_id, seconds, again=not held.once)

    def busy_children(self) -> int:
        """How many children could take no further plain task, or no further coroutine, without waiting."""
        return sum([child.busy for child in self.children.values() if child.open])

    def lease_valid(self, now: float) -> bool:
        """Whether children may begin tasks."""
        return now < self._valid_until

    def abandon(self) -> int:
        """Cut off what runs, and give it back without a charge; returns how many tasks that were.

        The children stand still before their claims go back, so that nothing runs here and elsewhere at once;
        to kill them comes after. What may run only once has failed.
        """
        self.warden.freeze()
        self.collect()
        self.take_everything_back()
        self.hand_out()
        return self.warden.abandon()

    def end(self, held: HeldClaim, outcome: c.Outcome) -> None:
        """A message has ended without its child's word."""
        self.claim_table.end(held, outcome)
        self.news()
