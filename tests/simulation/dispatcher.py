"""Between ledger and children on virtual time: what `worker.dispatcher.Dispatcher` does, with the same plans.

The real one looks every 5 ms while children are busy; this one only when something can have changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import msgspec

from celeriac.stores import contract as c
from celeriac.worker.core import distribute, recovery
from celeriac.worker.core.claim_table import ClaimTable, Failure, HeldClaim
from celeriac.worker.core.distribute import Shares
from celeriac.worker.core.pace import STUCK_SECONDS, Pace
from celeriac.worker.core.supervisor import Child
from tests.simulation.child import WAKE_SECONDS, SimulatedChild, SimulatedPort
from tests.simulation.loop import Process

if TYPE_CHECKING:
    from tests.simulation.world import World

_SHARES = Shares(frame_bytes=1 << 18, has_sync=True, has_async=False)
_TICK_SECONDS = STUCK_SECONDS + 2 * WAKE_SECONDS
_STARVED_SECONDS = 0.05
_CRASH_LIMIT = 3


class SimulatedDispatcher:
    """Gives the children of one worker what is ready, and takes in what they have done."""

    def __init__(
        self, world: World, process: Process, claim_table: ClaimTable, slots: int, news: Callable[[], None]
    ) -> None:
        self.stopping = False
        self.marking: list[tuple[SimulatedPort, list[HeldClaim]]] = []
        self._world = world
        self._process = process
        self._claim_table = claim_table
        self._pace = Pace()
        self._news = news
        self._lease = ""
        self._valid_until = 0.0
        self._ticking = False
        self._starved_since = 0.0
        self.children = {slot: self._new_child(slot) for slot in range(slots)}

    def _new_child(self, slot: int) -> SimulatedChild:
        def wake() -> None:
            self._process.after(WAKE_SECONDS, self._outcomes_waiting)

        return SimulatedChild(self._world, self._process.name, slot, wake)

    def _alive(self) -> list[SimulatedChild]:
        return [child for child in self.children.values() if child.alive]

    def _supervisor(self) -> list[Child]:
        return cast("list[Child]", list(self.children.values()))

    # -- handing out ------------------------------------------------------------

    def has_idle_child(self) -> bool:
        """Whether a child has nothing before it."""
        return distribute.any_idle(self._supervisor(), _SHARES, self._world.loop.now)

    def wanted(self) -> int:
        """How many messages the children could use now."""
        if self.stopping:
            return 0
        return distribute.wanted(self._supervisor(), self._claim_table, self._pace, _SHARES, self._world.loop.now)

    def hand_out(self) -> None:
        """Give the children what is ready."""
        claim_table = self._claim_table
        if not claim_table.ready:
            return
        if self.stopping:
            claim_table.give_back_ready()
            self._news()
            return
        for real, items in distribute.plan(self._supervisor(), claim_table, self._pace, _SHARES, self._world.loop.now):
            port = cast("SimulatedPort", cast("object", real))
            if any(held.needs_start for held in items):
                claim_table.start(items)
                port.coming += items
                self.marking.append((port, items))
                self._news()
            else:
                self._hand_over(port, items)
        if claim_table.ready:
            self._tick_soon()

    def _hand_over(self, port: SimulatedPort, items: list[HeldClaim]) -> None:
        for held in items:
            self._claim_table.hand_out(held)
        port.hand_over(items)
        for child in self._alive():
            if child.sync is port:
                child.kick()
        self._tick_soon()

    def _tick_soon(self) -> None:
        if not self._ticking:
            self._ticking = True
            self._process.after(_TICK_SECONDS, self._tick)

    def started(self, count: int, lost: tuple[str, ...]) -> None:
        """The store has marked the first `count` frames of `marking`, but for the `lost` claims."""
        ports = [child.sync for child in self._alive()]
        frames, self.marking = self.marking[:count], self.marking[count:]
        for port, items in frames:
            del port.coming[: len(items)]
            frame = [held for held in items if self._is_to_run(held, lost)]
            if self.stopping:
                self._claim_table.give_back(frame)
                self._news()
            elif port not in ports:
                self._claim_table.take_back(frame)
                self._tick_soon()
            elif frame:
                self._hand_over(port, frame)

    def _is_to_run(self, held: HeldClaim, lost: tuple[str, ...]) -> bool:
        if held.claim in lost:
            self._claim_table.starting.pop(held.claim, None)
        if held.claim not in self._claim_table.starting:
            return False
        held.needs_start = False
        return True

    def not_started(self) -> None:
        """The store could not be asked; they wait like all others."""
        for port, items in reversed(self.marking):
            del port.coming[: len(items)]
            self._claim_table.take_back([held for held in items if held.claim in self._claim_table.starting])
        self.marking.clear()

    # -- taking in --------------------------------------------------------------

    def _outcomes_waiting(self) -> None:
        self._collect()
        self.hand_out()
        self._news()

    def _collect(self) -> None:
        for child in self.children.values():
            self._collect_port(child.sync)

    def _collect_port(self, port: SimulatedPort) -> None:
        for held, seconds, outcome in port.collect():
            self._pace.observe(held.name, seconds)
            if outcome.slot is None and not outcome.successors and outcome.result is not None:
                self._claim_table.end_with_document(held, outcome.result)
            else:
                self._claim_table.end(held, outcome)

    def _tick(self) -> None:
        self._ticking = False
        self._collect()
        now, waits = self._world.loop.now, False
        for child in self._alive():
            port = child.sync
            if len(port.out) > 1 and port.stuck(now):
                self._claim_table.take_back(port.take_back())
            waits = waits or len(port.out) > 1
        self.hand_out()
        self._release_what_waits(now)
        if self._claim_table.ended or self.wanted():
            self._news()
        if waits:
            self._tick_soon()

    def _release_what_waits(self, now: float) -> None:
        claim_table = self._claim_table
        if not claim_table.ready or any(not child.sync.stuck(now) for child in self.children.values()):
            self._starved_since = 0.0
        elif not self._starved_since:
            self._starved_since = now
        elif now - self._starved_since >= _STARVED_SECONDS:
            self._starved_since = 0.0
            claim_table.give_back(claim_table.ready)
            claim_table.ready.clear()
            self._news()

    # -- the lives of children ----------------------------------------------------

    def lease_holds(self, lease: str, until: float) -> None:
        """No child begins anything later than this."""
        self._lease, self._valid_until = lease, until
        for child in self._alive():
            child.lease_holds(lease, until)

    def take_everything_back(self) -> None:
        """Leave the children only what they have begun."""
        for child in self._alive():
            self._claim_table.take_back(child.sync.take_back())

    def stop(self) -> None:
        """What has not begun goes back to the store; what has begun ends."""
        self.stopping = True
        self.take_everything_back()
        self.hand_out()

    def child_died(self, slot: int) -> None:
        """Read what it left, charge what it had begun, give the rest to others, and start the next one."""
        child = self.children[slot]
        child.alive = False
        self._collect_port(child.sync)
        begun = child.sync.begun_items()
        self._claim_table.take_back([held for held in child.sync.out.values() if held not in begun])
        for held in begun:
            self._charge(held)
        self.children[slot] = self._new_child(slot)
        self.children[slot].lease_holds(self._lease, self._valid_until)
        self.hand_out()
        self._news()

    def _charge(self, held: HeldClaim) -> None:
        limit = 1 << 30 if held.queue == c.ADVANCE_QUEUE else _CRASH_LIMIT
        decided = recovery.child_died(held, "killed", held.crashes + 1, limit, self._world.wall())
        if isinstance(decided, recovery.Redeliver):
            self._claim_table.give_back([held], decided.raw)
        elif isinstance(decided, Failure):
            claim = c.Claim(held.claim, held.queue, held.raw, held.priority)
            self._claim_table.end(held, self.verdict(claim, recovery.end(held, decided, self._world.wall())))

    def verdict(self, claim: c.Claim, outcome: c.Outcome) -> c.Outcome:
        """A member of a chord that failed without a word of its own fills its slot all the same."""
        return msgspec.structs.replace(outcome, slot=self._world.workload.slot(claim))
