"""What goes wrong in a run: drawn from the seed before it begins. Each run suffers from some kinds of faults only."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.history import LEASE_SECONDS
from tests.simulation.loop import Ambush
from tests.simulation.network import Weather

if TYPE_CHECKING:
    from tests.simulation.worker import SimulatedWorker
    from tests.simulation.world import World

KINDS = ("crash", "crash child", "freeze core", "freeze worker", "outage", "network", "restart")
PAUSES = tuple(share * LEASE_SECONDS for share in (0.5, 1.2, 3.0))
OUTAGE_SECONDS = 2 * LEASE_SECONDS
LAST_FAULT_AT = 120.0

_REQUESTS = ("Finish", "Finish", "Finish", "Release", "Start", "Reap", "Heartbeat", "Reconcile", "OpenLease")


@dataclass(frozen=True)
class Fault:
    """One fault: when, what, to whom (a number among those alive), and at which of its requests if not at once."""

    at: float
    kind: str
    whom: int = 0
    seconds: float = 0.0
    request: str = ""
    when: str = ""

    def strike(self, world: World) -> None:
        """Do it, or lie in wait for the request."""
        if self.kind == "outage":
            world.server.go_out(self.seconds)
            return
        living = world.living()
        if not living:
            return
        worker = living[self.whom % len(living)]
        if self.request:
            worker.process.ambush = Ambush(self.request, self.when, lambda: self._hit(world, worker))
        else:
            self._hit(world, worker)

    def _hit(self, world: World, worker: SimulatedWorker) -> None:
        match self.kind:
            case "crash":
                world.crash(worker)
            case "crash child":
                world.crash_child(worker, self.whom % len(worker.dispatcher.children))
            case "freeze core" | "freeze worker":
                world.freeze(worker, self.seconds, whole=self.kind == "freeze worker")
            case "restart" if worker.process.alive:
                worker.stop()


@dataclass(frozen=True)
class Plan:
    """A run: how many workers with how many children, the weather, the faults.

    Workers run on `hosts`; those on the same one see each other die.
    `reap_limit` is how many claims are taken over at once.
    """

    workers: int = 3
    slots: int = 2
    weather: Weather = field(default_factory=Weather)
    faults: tuple[Fault, ...] = ()
    hosts: tuple[str, ...] = ("here", "there")
    reap_limit: int = 1024


def draw(random: Random) -> Plan:
    """The plan of a seed: some of everything, or one of two mixtures that have been hard on the protocol."""
    mixture = random.random()
    if mixture < 0.15:
        return draw_lapses(random)
    if mixture < 0.35:
        return draw_takeovers(random)
    kinds = random.sample(KINDS, random.randint(2, 5))
    if random.random() < 0.4:
        kinds.append("outage")
    weather = Weather(slow=random.choice((0.0, 0.01, 0.05)))
    if "network" in kinds:
        weather.lost = random.choice((0.01, 0.05, 0.1))
        weather.late = random.choice((0.02, 0.05, 0.1))
    striking = [kind for kind in kinds if kind != "network"]
    count = random.randint(6, 24)
    drawn = sorted((_draw_fault(random, random.choice(striking)) for _ in range(count)), key=lambda fault: fault.at)
    workers, slots, limit = random.randint(2, 4), random.randint(1, 3), random.choice((2, 1024))
    return Plan(workers, slots, weather, tuple(drawn), reap_limit=limit)


def draw_lapses(random: Random) -> Plan:
    """Freezes about as long as a lease: others take over one claim after the other while the worker comes back."""
    pauses = sorted(random.uniform(1.0, LAST_FAULT_AT) for _ in range(24))
    kinds = ("freeze core", "freeze worker")
    drawn = [
        Fault(
            at, random.choice(kinds), random.randrange(12), random.uniform(1.0, 1.8) * LEASE_SECONDS, "Finish", "sent"
        )
        for at in pauses
    ]
    return Plan(2, 2, Weather(), tuple(drawn), reap_limit=1)


def draw_takeovers(random: Random) -> Plan:
    """Crashes, and survivors that are told to stop when they are about to take over."""
    drawn: list[Fault] = []
    for at in range(3, 110, 9):
        stops = [Fault(float(at), "restart", whom, request="Reap", when="sent") for whom in random.sample(range(12), 2)]
        drawn += [*stops, Fault(at + random.uniform(1.0, 6.0), "crash", random.randrange(12))]
    return Plan(3, 2, Weather(), tuple(drawn), hosts=("here",))


def _draw_fault(random: Random, kind: str) -> Fault:
    at, whom = random.uniform(1.0, LAST_FAULT_AT), random.randrange(12)
    seconds = OUTAGE_SECONDS if kind == "outage" else random.choice(PAUSES) if kind.startswith("freeze") else 0.0
    if kind in ("crash", "freeze core", "freeze worker", "restart") and random.random() < 0.6:
        return Fault(at, kind, whom, seconds, random.choice(_REQUESTS), random.choice(("sent", "performed")))
    return Fault(at, kind, whom, seconds)
