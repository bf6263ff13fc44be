"""One simulated world: store, network, producers, workers, faults, and the judgement at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from celeriac.exceptions import OperationalError
from celeriac.stores import contract as c
from celeriac.stores.contract.watch import Watch
from celeriac.stores.memory.state import State
from tests.simulation import faults
from tests.simulation.history import RECOVERY_SECONDS, History, Violation
from tests.simulation.loop import Loop, Process
from tests.simulation.network import Connection, Network
from tests.simulation.server import EPOCH, Server
from tests.simulation.worker import SimulatedWorker
from tests.simulation.workload import LONG_SECONDS, Workload, draw

CALM_AT = 150.0
"""From then on nothing goes wrong any more."""

ENOUGH_SECONDS = 3 * LONG_SECONDS + 2 * RECOVERY_SECONDS
"""Within so long after the last fault everything must have ended, the longest chain of tasks included."""


@dataclass(frozen=True)
class Build:
    """The parts that are under test; a mutant replaces some of them."""

    state: Callable[[], State] = State
    worker: type[SimulatedWorker] = SimulatedWorker
    watch: type[Watch] = Watch
    fenced: bool = True


class World:
    """Everything of one seed."""

    def __init__(self, seed: int, build: Build, plan: faults.Plan | None = None, work: Workload | None = None) -> None:
        self.seed = seed
        self.build = build
        self.random = Random(f"{seed} world")
        self.plan = plan or faults.draw(Random(f"{seed} plan"))
        self.workload = work or draw(Random(f"{seed} workload"))
        self.loop = Loop()
        self.history = History(self.loop, self.workload)
        self.state = build.state()
        self.history.watch(self.state)
        self.server = Server(self.loop, self.state, self.history, Random(f"{seed} server"), fenced=build.fenced)
        self.network = Network(self.server, Random(f"{seed} network"), self.plan.weather, self.history.disturbed)
        self.workers: list[SimulatedWorker] = []
        self._epochs = 0
        self._closing = False

    def wall(self) -> float:
        """The clock on the wall, the same everywhere."""
        return EPOCH + self.loop.now

    def new_epoch(self) -> str:
        """A fresh name for a lease."""
        self._epochs += 1
        return f"e{self._epochs}"

    # -- workers ----------------------------------------------------------------

    def start_worker(self) -> None:
        """One more worker, on one of the machines."""
        if self._closing:
            return
        name = f"w{len(self.workers) + 1}"
        host = self.random.choice(self.plan.hosts)
        worker = self.build.worker(self, name, host, self.plan.slots)
        self.workers.append(worker)
        worker.process.start(worker.run()).ended.then(lambda: self._ended(worker))

    def _ended(self, worker: SimulatedWorker) -> None:
        if not worker.process.alive:
            return
        worker.process.alive = False
        for child in worker.dispatcher.children.values():
            child.process.kill()
        self.history.worker_ended(worker.name)
        if not self._closing:
            self.loop.at(self.random.uniform(0.5, 3.0), self.start_worker)

    def living(self) -> list[SimulatedWorker]:
        """The workers that are there."""
        return [worker for worker in self.workers if worker.process.alive]

    def lives(self, lease: str) -> bool:
        """Whether the worker of a lease is there, as its machine knows."""
        name = lease.partition("/")[0]
        return any(worker.name == name for worker in self.living())

    def crash(self, worker: SimulatedWorker) -> None:
        """Core and children are gone at once; a new worker comes after a while."""
        if not worker.process.alive:
            return
        worker.process.kill()
        for child in worker.dispatcher.children.values():
            child.process.kill()
        self.history.worker_died(worker.name)
        for other in self.living():
            if other.host == worker.host:
                other.process.after(0.001, other.heartbeat_now.set)
        self.loop.at(self.random.uniform(0.5, 8.0), self.start_worker)

    def crash_child(self, worker: SimulatedWorker, slot: int) -> None:
        """One child is gone; its core hears of it in a moment."""
        child = worker.dispatcher.children[slot]
        if worker.process.alive and child.process.alive:
            child.process.kill()
            self.history.child_died(worker.name, slot)
            worker.process.after(0.02, worker.dispatcher.child_died, slot)

    def freeze(self, worker: SimulatedWorker, seconds: float, *, whole: bool) -> None:
        """A core stands still, and where `whole` its children too."""
        if not worker.process.alive:
            return
        self.history.note(worker.name, "is frozen for", seconds, "whole" if whole else "core")
        self.history.figures.faults += 1
        self.history.disturbed(worker.name, self.loop.now + seconds)
        worker.process.freeze(seconds)
        if whole:
            for child in worker.dispatcher.children.values():
                child.process.freeze(seconds)

    # -- the run ----------------------------------------------------------------

    def run(self) -> History:
        """All of it; raises `Violation`, with the seed and what happened last."""
        try:
            self._run()
        except Violation as violation:
            tail = "\n".join(self.history.tail)
            raise Violation(violation.kind, f"seed {self.seed}: {violation}\n{self.plan}\n{tail}") from violation
        return self.history

    def _run(self) -> None:
        for unit, spec in self.workload.sent().items():
            producer = Process(self.loop, f"p:{unit}")
            self.loop.at(spec.sent_at, lambda p=producer, u=unit: p.start(self._produce(p, u)))
        for _ in range(self.plan.workers):
            self.start_worker()
        for fault in self.plan.faults:
            self.loop.at(fault.at, fault.strike, self)
        self.loop.run(CALM_AT)
        self.network.calm = True
        for worker in self.living():
            worker.process.ambush = None
        self.loop.run(CALM_AT + ENOUGH_SECONDS, self._all_done)
        self._check_nothing_lost()
        self._closing = True
        for worker in self.living():
            worker.stop()
        self.loop.run(self.loop.now + LONG_SECONDS, lambda: not self.living())
        self._check_nothing_left()

    async def _produce(self, producer: Process, unit: str) -> None:
        """Enqueue until it is certain."""
        message = self.workload.message(unit, self.wall())
        while True:
            connection = Connection(self.network, producer)
            try:
                await connection.call(c.Enqueue((message,)))
            except OperationalError:
                await producer.sleep(0.25)
            else:
                connection.close()
                return

    def _all_done(self) -> bool:
        history = self.history
        if len(history.units) < len(self.workload.sent()) or any(not unit.ends for unit in history.units.values()):
            return False
        return all(self.lives(worker) for worker in self.state.leases)

    # -- the judgement ------------------------------------------------------------

    def _check_nothing_lost(self) -> None:
        units = self.history.units
        missing = [unit for unit in self.workload.sent() if unit not in units]
        endless = [name for name, unit in units.items() if unit.ends != 1]
        unread = [
            unit.spec.task
            for unit in units.values()
            if unit.spec.name != "advance" and not c.is_final(self.state.results.get(unit.spec.task, b""))
        ]
        unfinished = [chord for chord in self.workload.chord_sizes if f"{chord}-body" not in units]
        if missing or endless or unread or unfinished:
            text = f"not enqueued {missing}, not ended {endless}, no result {unread}, no body {unfinished}"
            raise Violation("lost", text)
        abandoned = [worker for worker in self.state.leases if not self.lives(worker)]
        if abandoned:
            raise Violation("late recovery", f"nobody has reaped {abandoned}")

    def _check_nothing_left(self) -> None:
        if self.living():
            raise Violation("does not stop", ", ".join(worker.name for worker in self.living()))
        state = self.state
        ready = [name for name, levels in state.queues.items() if any(levels.values())]
        echoed = {task.rpartition(".")[0] for task in self.workload.echoed()}
        slots = [chord for chord in state.chords if chord not in echoed]
        leases = [worker for worker, lease in state.leases.items() if lease.claims]
        if ready or leases or state.delayed or slots:
            text = f"ready {ready}, leases {leases}, delayed {len(state.delayed)}, slots {slots}"
            raise Violation("left over", text)


def simulate(
    seed: int, build: Build | None = None, plan: faults.Plan | None = None, work: Workload | None = None
) -> History:
    """Run one seed; what is not given is drawn from it."""
    return World(seed, build or Build(), plan, work).run()
