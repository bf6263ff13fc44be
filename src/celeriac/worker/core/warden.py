"""What happens to children and to what they run: deaths, limits, replacements, revocations.

`recovery` says what becomes of a message; here it is done. A message that has failed without its child's word is
given to another child as a *verdict*, for the code its task has for that (hooks, errbacks); where that one
dies, too, the plain failure stands.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from typing import Protocol

import msgspec

from celeriac.clock import Clock
from celeriac.stores.contract import Outcome, Revocation
from celeriac.worker.core import recovery
from celeriac.worker.core.claim_table import ClaimTable, Failure, HeldClaim
from celeriac.worker.core.port import OBEY_SECONDS, Port, monotonic
from celeriac.worker.core.supervisor import UNKNOWN, Cause, Child, Condemned
from celeriac.worker.options import Pool

logger = logging.getLogger("celeriac.worker")

DRAIN_SECONDS = 60.0
"""How long a child with a task that did not obey is kept for the sake of those beside it."""


class Keeper(Protocol):
    """Who starts and ends children."""

    def retire(self, child: Child, *, at_once: bool = False) -> None:
        """Let another take its place."""

    def dismiss(self, child: Child) -> None:
        """Let it go, now that it has nothing left."""

    def kill(self, child: Child, number: int = signal.SIGKILL) -> None:
        """Send it a signal."""

    def hire(self, pool: int) -> Child | None:
        """One more, for messages that must run alone."""


class Desk(Protocol):
    """Who hands out and collects."""

    worker: str
    pool: Pool
    index: int
    children: dict[int, Child]
    claim_table: ClaimTable
    stopping: bool

    def give(self, port: Port, items: list[HeldClaim]) -> None:
        """Hand these over."""

    def judge(self, port: Port, held: HeldClaim) -> None:
        """Hand over what has failed."""

    def take_back(self, port: Port) -> None:
        """What has not begun waits again."""

    def collect_port(self, port: Port) -> None:
        """Take in outcomes."""

    def end(self, held: HeldClaim, outcome: Outcome) -> None:
        """A message has ended without its child's word."""

    def tick_soon(self) -> None:
        """Look after the children from now on."""


class Warden:
    """Watches over the children of one dispatcher. Without a `keeper` nobody can be killed or replaced."""

    def __init__(self, desk: Desk, crash_limit: int, failed_bytes: int, clock: Clock) -> None:
        self.keeper: Keeper | None = None
        self.on_stuck: Callable[[], None] = _nothing
        self._desk = desk
        self._crash_limit = crash_limit
        self._failed_bytes = failed_bytes
        self._clock = clock
        self._draining: dict[Child, float] = {}
        """Children with a task that did not obey, and until when they are kept."""
        self.revoked_starting: dict[str, Revocation] = {}
        """Claims that were revoked while the store was being told that they begin."""
        self._frozen = False

    # -- replacements ---------------------------------------------------------

    def look(self) -> None:
        """Do what became due since the last time; nearly free when that is nothing."""
        if self._desk.claim_table.failed:
            self._hand_out_verdicts()
        if self._desk.claim_table.suspects and not self._desk.stopping:
            self._hand_out_suspects()
        for child in [child for child in self._desk.children.values() if child.retiring or child.alone]:
            if child.retiring:
                self._let_go(child)
            elif child.idle and self.keeper is not None and not self._desk.claim_table.suspects:
                self.keeper.retire(child)

    def replace_spent(self) -> None:
        """Children that have been given all they may be given are replaced."""
        if self.keeper is None or not self._desk.pool.max_tasks:
            return
        for child in list(self._desk.children.values()):
            if child.sync.quota.left <= 0 and not child.retiring:
                self.keeper.retire(child)

    def replace_those_that_ask(self) -> None:
        """Children that say they can go on no longer, too large perhaps, are replaced; they begin nothing more."""
        for child in list(self._desk.children.values()):
            asks = child.sync.lane.retiring or child.asynchronous.lane.retiring
            if asks and self.keeper is not None and not child.retiring:
                logger.info("child %d asks to be replaced", child.pid)
                self.keeper.retire(child)

    def _let_go(self, child: Child) -> None:
        """Take back what a retiring child has not begun, unless it is the last it may run. Then it goes."""
        for port in child.ports:
            if port.out and (port.quota.left > 0 or port.lane.retiring):
                self._desk.take_back(port)
        if self.keeper is not None and child.idle:
            del self._desk.children[child.slot]
            if self._draining.pop(child, None) is not None:
                self.keeper.kill(child)
            self.keeper.dismiss(child)

    # -- suspects -------------------------------------------------------------

    def suspects(self, held: HeldClaim) -> bool:
        """Whether one more death would be the last: then it runs alone, and nobody else can be to blame."""
        return self.keeper is not None and 1 < self._crash_limit <= held.crashes + 1

    def _hand_out_suspects(self) -> None:
        """One at a time, each in a child that runs nothing else."""
        assert self.keeper is not None
        line = self._desk.claim_table.suspects
        alone = next((child for child in self._desk.children.values() if child.alone and not child.retiring), None)
        if alone is None:
            alone = self.keeper.hire(self._desk.index)
        if alone is None or not alone.idle:
            return
        held = line.popleft()
        self._desk.give(alone.asynchronous if held.asynchronous else alone.sync, [held])

    # -- verdicts -------------------------------------------------------------

    def fail(self, held: HeldClaim, failure: Failure) -> None:
        """A message has failed without its child's word."""
        self._desk.claim_table.fail(held, failure)
        self._desk.tick_soon()

    def _hand_out_verdicts(self) -> None:
        """Give what has failed to children that are free; where there will be none, the plain failure stands."""
        failed, children = self._desk.claim_table.failed, self._desk.children.values()
        ports = [child.sync for child in children if child.alive and child.killed_for is None and not self._frozen]
        while failed:
            free = next((port for port in ports if port.given < port.width), None)
            if free is not None:
                self._desk.judge(free, failed.popleft())
            elif ports or not self._desk.stopping:
                return
            else:
                self._end_plainly(failed.popleft())

    def _end_plainly(self, held: HeldClaim) -> None:
        assert held.failure is not None
        now, worker = self._clock.now(), self._desk.worker
        self._desk.end(held, recovery.end(held, held.failure, now, worker, self._failed_bytes))

    def complete(self, held: HeldClaim, outcome: Outcome) -> Outcome:
        """A verdict with what its child could not know of the first one's end."""
        if held.failure is None or not held.failure.dead:
            return outcome
        letter = recovery.dead_letter(held, held.failure, self._clock.now(), self._desk.worker)
        return msgspec.structs.replace(outcome, dead=letter)

    # -- limits ---------------------------------------------------------------

    def enforce(self, child: Child, now: float) -> None:
        """End what runs longer than it may."""
        for port in child.ports:
            alone = self.keeper is not None and port.width == 1
            for number in port.overdue(now, 0.0 if alone else OBEY_SECONDS):
                held = port.out[number]
                cancelled = port.cancelled.get(number)
                failure = None if cancelled else recovery.timed_out(held)
                # While its child is being killed, its time goes on being over.
                if failure is not None and child.killed_for is None:
                    logger.error("Hard time limit (%ss) exceeded for %s[%s]", failure.reason, held.name, held.task_id)
                self._end_running(child, port, number, failure)
        kept_until = self._draining.get(child)
        if kept_until is not None and now > kept_until and self.keeper is not None:
            self.keeper.kill(child)

    def _end_running(self, child: Child, port: Port, number: int, failure: Failure | None) -> None:
        """End a running message as this failure, or as revoked: with its child, or beside those that run there."""
        held = port.out[number]
        if child.killed_for is not None:
            return
        if self.keeper is not None and not _neighbours(child, held):
            child.killed_for = Condemned(held, failure)
            self.keeper.kill(child)
            return
        # Whatever the child says of it from now on is not listened to.
        del port.out[number]
        if self.keeper is None:
            self._end_alone(held, failure)
        else:
            self._conclude(held, failure)
            self._draining[child] = monotonic() + DRAIN_SECONDS
            self.keeper.retire(child, at_once=True)

    def _end_alone(self, held: HeldClaim, failure: Failure | None) -> None:
        """Nobody can end what runs, nor take over from it: its outcome is known, and `on_stuck` is told."""
        if failure is None:
            self._end_revoked(held)
        else:
            held.failure = failure
            self._end_plainly(held)
        self.on_stuck()

    def _conclude(self, held: HeldClaim, failure: Failure | None) -> None:
        if failure is None:
            self._end_revoked(held)
        else:
            self.fail(held, failure)

    def _end_revoked(self, held: HeldClaim) -> None:
        self._desk.end(held, recovery.revoked(held.task_id, "terminated", self._clock.now()))

    # -- revocations ----------------------------------------------------------

    def revoke(self, entry: Revocation) -> None:
        """End the claims of a task that have not begun; where asked to, also what runs."""
        for held in self._desk.claim_table.starting.values():
            if held.task_id == entry.task:
                self.revoked_starting[held.claim] = entry
        for held in self._desk.claim_table.find(entry.task):
            child, port = self._where(held)
            if child is not None and port is not None and not port.has_begun(port.find(held)):
                self._desk.take_back(port)
            if self._desk.claim_table.withdraw(held):
                self._desk.end(held, Outcome("", entry.task, entry.result))
            elif entry.terminate and child is not None and port is not None:
                self._terminate(child, port, held, _signal(entry.signal))

    def _where(self, held: HeldClaim) -> tuple[Child | None, Port | None]:
        for child in self._desk.children.values():
            for port in child.ports:
                if port.find(held) >= 0:
                    return child, port
        return None, None

    def _terminate(self, child: Child, port: Port, held: HeldClaim, number: int) -> None:
        """What runs alone ends with its child; what shares it is told to end, and given a moment to."""
        loop = asyncio.get_running_loop()
        place = port.find(held)
        if port.width > 1 or self.keeper is None:
            port.cancel(place, "terminated", monotonic())
            self._desk.tick_soon()
        elif _neighbours(child, held) or child.killed_for is not None:
            self._end_running(child, port, place, None)
        else:
            child.killed_for = Condemned(held, None)
            self.keeper.kill(child, number)
            # Children leave SIGTERM to their worker, and a task may ignore any other signal.
            loop.call_later(OBEY_SECONDS, self.keeper.kill, child)

    # -- deaths ---------------------------------------------------------------

    def child_died(self, child: Child, cause: Cause) -> None:
        """Read what it left, judge what it had begun, and give the rest to others."""
        begun: list[HeldClaim] = []
        for port in child.ports:
            self._desk.collect_port(port)
            begun += port.begun()
            self._desk.claim_table.take_back([held for held in port.out.values() if held not in begun])
        self._desk.children.pop(child.slot, None)
        draining = self._draining.pop(child, None) is not None
        killed_for = child.killed_for
        if killed_for is None and not draining:
            running = ", ".join([f"{held.name}[{held.task_id}]" for held in begun])
            grown = f", {cause.memory >> 20} MiB" if cause.memory else ""
            logger.error("child %d died (%s%s); it was running %s", child.pid, cause.text, grown, running or "nothing")
        for held in begun:
            if held.failure is not None:
                self._end_plainly(held)
            elif killed_for is not None and held is killed_for.held:
                self._conclude(held, killed_for.failure)
            elif killed_for is not None or draining:
                self.obey(held, recovery.disturbed(held, "its child was ended for the sake of another task"), cause)
            else:
                self.obey(held, self._blame(held, cause, len(begun)), cause)

    def _blame(self, held: HeldClaim, cause: Cause, running: int) -> recovery.Recovery:
        """One of several that ran cannot be the last time to blame: it will run alone first."""
        crashes, limit = held.crashes + 1, self._crash_limit
        if running > 1 and self.keeper is not None and limit > 1:
            crashes = min(crashes, limit - 1)
        return recovery.child_died(held, cause.text, crashes, limit, self._clock.now(), self._desk.worker)

    def obey(self, held: HeldClaim, decided: recovery.Recovery, cause: Cause = UNKNOWN) -> None:
        """Do what was decided of a message; `cause` is what its child died of."""
        match decided:
            case recovery.Redeliver(raw):
                self._desk.claim_table.give_back([held], raw)
            case recovery.RetryLater(outcome):
                self._desk.end(held, outcome)
            case Failure():
                self.fail(held, msgspec.structs.replace(decided, signal=cause.signal, memory=cause.memory))

    # -- the end --------------------------------------------------------------

    def freeze(self) -> None:
        """Let no child go on from here: what they run is to be given away."""
        self._frozen = True
        for child in self._desk.children.values():
            if self.keeper is not None:
                self.keeper.kill(child, signal.SIGSTOP)

    def abandon(self) -> int:
        """Give back what the frozen children run, uncounted; what may run only once has failed. How many."""
        running = [held for child in self._desk.children.values() for port in child.ports for held in port.out.values()]
        running = [held for held in running if not held.stale]
        for held in running:
            if held.failure is not None:
                self._end_plainly(held)
            else:
                self.obey(held, recovery.disturbed(held, "its worker stopped"))
        self._hand_out_verdicts()
        for held in running:
            held.stale = True
        return len(running)


def _nothing() -> None:
    """Inside a test's process nobody can end a thread that does not obey."""


def _signal(name: str) -> int:
    """A signal by its name, SIGTERM where there is none of that name."""
    return getattr(signal.Signals, name.upper(), signal.SIGTERM)


def _neighbours(child: Child, held: HeldClaim) -> bool:
    """Whether something else runs in this child."""
    return any(other is not held for port in child.ports for other in port.begun())
