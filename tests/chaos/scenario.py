"""The run itself: workers under load, faults by a seed, and the story of it all."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from celeriac.exceptions import OperationalError, OutcomeRefused
from celeriac.stores import contract as c
from celeriac.worker.core.process import EXIT_UNAVAILABLE
from tests.chaos.check import Story
from tests.chaos.faults import FREEZES, KILLS, OUTAGES, REFUSALS, Fault, Kind
from tests.chaos.load import Load, is_noop
from tests.chaos.refuser import Refuser
from tests.chaos.witness import Witness
from tests.worker import ledger
from tests.worker.ledger import Record, wait_until
from tests.worker.process import Worker, freeze
from tests.worker.scene import Scene
from tools.servers.redis import RedisServer

_STEP_SECONDS = 0.002
_PULSE_SECONDS = 0.02
_STALL_SECONDS = 0.25


@dataclass(frozen=True)
class Plan:
    """How much of everything; `pauses` are the shortest and the longest time between two faults, in seconds."""

    tasks: int
    children: int
    kills: int
    freezes: int
    outages: int
    pauses: tuple[float, float]
    longest: float
    """The longest time that a task takes; most take less than half a second."""
    block: int = 500
    """Tasks enqueued at once."""
    watch: float = 0.5
    """Seconds to look for a child in the middle of no-ops, to kill it there."""
    refusals: int = 0
    interrupts: bool = False
    """Whether some tasks send others, and are interrupted in it."""
    workers: int = 3
    patience: float = 60.0
    """Seconds after the last fault until every task must have its result."""


class Pulse(threading.Thread):
    """Notes for how long the machine let nobody run: then it was not the workers who took their time."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._ended = threading.Event()
        self._stalls: list[Fault] = []

    def run(self) -> None:
        """Look at the clock again and again."""
        before = time.monotonic_ns()
        while not self._ended.wait(_PULSE_SECONDS):
            now = time.monotonic_ns()
            if now - before > _STALL_SECONDS * 1e9:
                self._stalls.append(Fault(Kind.STALL, before, now))
            before = now

    def stop(self) -> list[Fault]:
        """The stalls there were."""
        self._ended.set()
        self.join()
        return self._stalls


class Chaos:
    """One run. `server` is the Redis server, where there is one to freeze and to kill."""

    def __init__(
        self, scene: Scene, witness: Witness, plan: Plan, seed: int, server: RedisServer | None = None
    ) -> None:
        self.faults: list[Fault] = []
        self._scene = scene
        self._witness = witness
        self._plan = plan
        self._random = random.Random(seed)
        self._server = server
        self._load = Load(scene, plan.tasks, plan.block, plan.longest, seed, interrupts=plan.interrupts)
        self._team: list[Worker] = []
        self._frozen: Worker | None = None
        self._away = False
        self._due: list[tuple[float, Callable[[], None]]] = []

    def run(self) -> Story:
        """Everything, from the first worker's start to the last one's end."""
        for _ in range(self._plan.workers):
            self._hire()
        self._load.start()
        pulse = Pulse()
        pulse.start()
        self._scene.ledger.wait_for_starts(self._plan.children * self._plan.workers, seconds=30)
        for kind in self._schedule():
            self._wait(self._random.uniform(*self._plan.pauses))
            self._commit(kind)
        self._wait_until(lambda: not self._due)
        try:
            wait_until(self._all_done, self._plan.patience, "result of every task", 0.2)
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *self._load.stuck()])) from error
        self.faults += pulse.stop()
        self._dismiss_all()
        kept = self._take_letters()
        finals = Counter({int(id.rpartition("-")[2]): count for id, count in self._witness.finals().items()})
        failures = self._take_failures()
        left_over = [*self._witness.left_over(), *failures]
        records = self._scene.ledger.read()
        return Story(records, self.faults, finals, self._load.results, left_over, self._scene.lease, kept=kept)

    def _all_done(self) -> bool:
        """Whether everything has its result; a person replays what came back to a queue that was no list."""
        with contextlib.suppress(OperationalError):
            kept = self._scene.app.store.run(c.DeadLetters(c.DEAD_LETTER_LIMIT))
            back = [each for each in kept if each.cause == c.Cause.REFUSED and each.error != OutcomeRefused.__name__]
            if back:
                revivals = tuple(c.ReplayItem(each.id, each.raw, each.queue, each.priority) for each in back)
                self._scene.app.store.run(c.Replay(revivals))
        return self._load.done()

    def _take_letters(self) -> set[int]:
        """The numbers of the tasks that are kept as dead letters, which are dropped."""
        store, kept = self._scene.app.store, set()
        while letters := store.run(c.DeadLetters()):
            store.run(c.DeleteDeadLetters(tuple(letter.id for letter in letters)))
            kept |= {int(letter.id.partition("#")[0].rpartition("-")[2]) for letter in letters}
        return kept

    def _take_failures(self) -> list[str]:
        """What is kept of tasks that failed, in words: none of these tasks means to."""
        failed = self._scene.app.failed
        told = [f"failed task {letter.id}: {letter.reason}, {letter.place}" for letter in failed.list()]
        failed.drop_all()
        return told

    def _supervise(self) -> None:
        """Start anew who could not begin, because a right was taken away just then: so does whoever runs workers."""
        for worker in [each for each in self._team if each.code == EXIT_UNAVAILABLE]:
            self._team.remove(worker)
            self._hire()

    def _hire(self) -> None:
        self._team.append(self._scene.worker("-c", str(self._plan.children), app="tests.chaos.tasks"))

    def _dismiss_all(self) -> None:
        """In order, and only when the last dead worker's lease has ended."""
        wait_until(lambda: len(self._scene.leases()) == len(self._team), 20, "end of the leases of the dead")
        for worker in self._team:
            worker.tell(signal.SIGTERM)
        codes = [worker.wait() for worker in self._team]
        assert codes == [0] * len(self._team)

    # -- time -----------------------------------------------------------------

    def _wait(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        self._wait_until(lambda: time.monotonic() >= ends)

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        """Go on with what is due meanwhile: thaws, returns of the store."""
        while not condition():
            self._supervise()
            now = time.monotonic()
            for entry in [entry for entry in self._due if entry[0] <= now]:
                self._due.remove(entry)
                entry[1]()
            time.sleep(_STEP_SECONDS)

    def _later(self, action: Callable[[], None], seconds: float = 0.0) -> None:
        """After so many seconds, or two leases."""
        self._due.append((time.monotonic() + (seconds or 2 * self._scene.lease), action))

    # -- faults ---------------------------------------------------------------

    def _schedule(self) -> list[Kind]:
        """So many of each, of every kind as often as of the others, in any order."""
        plan = self._plan
        kinds: list[Kind] = []
        parts = (plan.kills, KILLS), (plan.freezes, FREEZES), (plan.outages, OUTAGES), (plan.refusals, REFUSALS)
        for count, choice in parts:
            first = self._random.randrange(len(choice))
            kinds += [choice[(first + number) % len(choice)] for number in range(count)]
        self._random.shuffle(kinds)
        return kinds

    def _commit(self, kind: Kind) -> None:
        if kind in OUTAGES:
            self._wait_until(lambda: not self._away)
            self._send_store_away(kind)
        elif kind in REFUSALS:
            self._wait_until(lambda: not self._away)
            self._have_refused(kind)
        elif kind in FREEZES:
            self._wait_until(lambda: self._frozen is None)
            self._freeze(kind, self._victim())
        else:
            self._kill(kind)

    def _victim(self) -> Worker:
        """A worker that runs and has all its children."""
        found: list[Worker] = []

        def complete() -> bool:
            found[:] = [worker for worker in self._team if self._is_complete(worker)]
            return bool(found)

        self._wait_until(complete)
        return self._random.choice(found)

    def _is_complete(self, worker: Worker) -> bool:
        return worker is not self._frozen and len(worker.children) == self._plan.children

    def _kill(self, kind: Kind) -> None:
        """Every other time in the middle of a batch, which random moments seldom hit."""
        record = self._noop_under_way() if self._random.random() < 0.5 else None
        worker = self._victim()
        child = self._random.choice(worker.children)
        if record is not None:
            busy = next((worker for worker in self._team if worker.number == record.worker), worker)
            if self._is_complete(busy) and record.pid in busy.children:
                worker, child = busy, record.pid
        children = {Kind.KILL_CHILD: (child,), Kind.KILL_ZYGOTE: tuple(worker.children)}.get(kind, ())
        victim = {Kind.KILL_CHILD: child, Kind.KILL_ZYGOTE: worker.zygote, Kind.KILL_CORE: worker.core}.get(kind)
        assert victim != 0, "that would be our own process group"
        began = time.monotonic_ns()
        if victim is not None:
            os.kill(victim, signal.SIGKILL)
        else:
            worker.tell_all(signal.SIGKILL)
        self.faults.append(Fault(kind, began, time.monotonic_ns(), worker.number, children))
        if kind in (Kind.KILL_CORE, Kind.KILL_GROUP):
            self._team.remove(worker)
            self._hire()
            worker.wait()

    def _noop_under_way(self) -> Record | None:
        """The last beginning of a no-op, as soon as one begins now."""
        self._scene.ledger.read_new()
        ends = time.monotonic() + self._plan.watch
        while time.monotonic() < ends:
            for record in reversed(self._scene.ledger.read_new()):
                if record.kind == ledger.Kind.START and is_noop(record.task, self._plan.block):
                    return record
            time.sleep(_STEP_SECONDS / 10)
        return None

    def _freeze(self, kind: Kind, worker: Worker) -> None:
        began = time.monotonic_ns()
        if kind == Kind.FREEZE_CORE:
            freeze(worker.core)
        else:
            worker.tell_all(signal.SIGSTOP)
        self._frozen = worker

        def thaw() -> None:
            worker.tell_all(signal.SIGCONT)
            self.faults.append(Fault(kind, began, time.monotonic_ns(), worker.number))
            self._frozen = None

        self._later(thaw)

    def _send_store_away(self, kind: Kind) -> None:
        assert self._server is not None
        server = self._server
        began = time.monotonic_ns()
        server.freeze()
        if kind == Kind.KILL_STORE:
            server.kill()
        self._away = True

        def bring_back() -> None:
            if kind == Kind.KILL_STORE:
                server.start()
            else:
                server.thaw()
            self.faults.append(Fault(kind, began, time.monotonic_ns()))
            self._away = False

        self._later(bring_back)

    def _have_refused(self, kind: Kind) -> None:
        """Have the store answer, but refuse, for less than a lease: some of what it is asked, or all."""
        assert self._server is not None
        refuser = Refuser(kind, self._server.port, self._random)
        began = time.monotonic_ns()
        refuser.refuse()
        self._away = True

        def allow() -> None:
            refuser.allow()
            self.faults.append(Fault(kind, began, time.monotonic_ns()))
            self._away = False

        self._later(allow, self._random.uniform(0.2, 1.5))
