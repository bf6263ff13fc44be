"""A child as the core sees it: a lane into which messages go, and outcomes that outlive the child.

The hand-over itself is one step here; its interleavings are checked in `tests/worker/test_handover_model.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from celeriac.exceptions import OperationalError
from celeriac.stores import contract as c
from celeriac.worker.core.claim_table import HeldClaim
from celeriac.worker.core.pace import STUCK_SECONDS
from celeriac.worker.core.port import Quota
from celeriac.worker.lane.lane import SPAN
from tests.simulation.history import Violation
from tests.simulation.loop import Process
from tests.simulation.network import Connection
from tests.simulation.workload import unit_in

if TYPE_CHECKING:
    from tests.simulation.world import World

WAKE_SECONDS = 0.0002


class SimulatedPort:
    """What `worker.port.Port` is to the core: `out`, and rules for what to give it."""

    width = 1

    def __init__(self) -> None:
        self.quota = Quota()
        self.out: dict[int, HeldClaim] = {}
        self.entries: deque[tuple[int, HeldClaim]] = deque()
        self.begun: set[int] = set()
        self.outcomes: list[tuple[int, float, c.Outcome]] = []
        self.coming: list[HeldClaim] = []
        self.since = 0.0
        self.valid_until = 0.0
        self._next = 1
        self._stuck_at = 0.0

    def room(self) -> int:
        """How many more messages the flags can tell apart."""
        return SPAN - 1 - (self._next - next(iter(self.out), self._next))

    def deaf(self, now: float) -> bool:
        """It hears all that it is told."""
        return False

    @property
    def given(self) -> int:
        """How many messages it has, or is about to get."""
        return len(self.out) + len(self.coming)

    def stuck(self, now: float) -> bool:
        """Whether to give it nothing now."""
        return bool(self.since) and (self.since == self._stuck_at or now - self.since > STUCK_SECONDS)

    def hand_over(self, items: list[HeldClaim]) -> None:
        """Give the child these messages."""
        for held in items:
            self.out[self._next] = held
            self.entries.append((self._next, held))
            self._next += 1

    def take_back(self) -> list[HeldClaim]:
        """Everything that has not begun."""
        if self.entries:
            self._stuck_at = self.since
        back = [held for _, held in self.entries]
        for number, _ in self.entries:
            del self.out[number]
        self.entries.clear()
        return back

    def begun_items(self) -> list[HeldClaim]:
        """After the child's death and a last `collect`: what it had begun and not ended."""
        return [held for number, held in self.out.items() if number in self.begun]

    def collect(self) -> list[tuple[HeldClaim, float, c.Outcome]]:
        """All outcomes since the last time."""
        arrivals = [(self.out.pop(number), seconds, outcome) for number, seconds, outcome in self.outcomes]
        self.outcomes.clear()
        return arrivals


class SimulatedChild:
    """One child: runs one message at a time, none after the instant until which the lease holds."""

    def __init__(self, world: World, worker: str, slot: int, wake: Callable[[], None]) -> None:
        self.slot = slot
        self.alive = True
        self.sync = SimulatedPort()
        self.process = Process(world.loop, f"{worker}#{slot}")
        self.lease = ""
        self._world = world
        self._worker = worker
        self._wake = wake

    @property
    def open(self) -> bool:
        """Whether it may be given any message."""
        return self.alive

    def lease_holds(self, lease: str, until: float) -> None:
        """Nothing begins later than this."""
        self.lease = lease
        self.sync.valid_until = until
        self.kick()

    def kick(self) -> None:
        """There may be something to begin."""
        self.process.after(WAKE_SECONDS, self._begin_next)

    def _begin_next(self) -> None:
        port, loop = self.sync, self._world.loop
        if port.since or not port.entries or loop.now > port.valid_until:
            return
        number, held = port.entries.popleft()
        unit = unit_in(held.queue, held.raw)
        port.begun.add(number)
        port.since = loop.now
        self._world.history.began(self._worker, self.lease, self.slot, held.claim, unit)
        spec = self._world.workload.spec(unit)
        if spec.name == "advance":
            self.process.start(self._advance(number, held))
        else:
            self.process.after(spec.seconds, self._end, number, held)

    async def _advance(self, number: int, held: HeldClaim) -> None:
        """Read a chord's values over a connection of the child's own, however often that takes."""
        chord = held.raw.decode()
        request = c.ReadSlots(chord, self._world.workload.chord_sizes[chord])
        while True:
            connection = Connection(self._world.network, self.process)
            try:
                values = await connection.call(request)
                break
            except OperationalError:
                await self.process.sleep(0.1)
        connection.close()
        if None in values and self._world.history.holds(held.claim):
            raise Violation("chord early", f"the advance of {chord} found {values}")
        self._put(number, held, self._world.workload.advance(chord, self._world.wall()))

    def _end(self, number: int, held: HeldClaim) -> None:
        self._put(number, held, self._world.workload.end(held.queue, held.raw, self._world.wall()))

    def _put(self, number: int, held: HeldClaim, outcome: c.Outcome) -> None:
        port = self.sync
        port.outcomes.append((number, self._world.loop.now - port.since, outcome))
        port.since = 0.0
        self._world.history.reported(unit_in(held.queue, held.raw), held.claim)
        self._wake()
        self._begin_next()
