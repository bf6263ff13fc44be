"""The tasks of a simulation, and what each of them comes to: pure.

A *unit* is one message that is to end once: a task, one attempt of a task that is retried, a second copy of
a message that somebody delivered twice, or the advance of a chord. Its name is the id it is enqueued under.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

import msgspec

from celeriac import states
from celeriac.calls.sender import Call, encode
from celeriac.clock import utc_datetime
from celeriac.message import document
from celeriac.stores import contract as c
from celeriac.worker.lane.frame import TaskSpec

QUEUES = ("first", "second")
LONG_SECONDS = 100.0
"""Ten leases."""

TASKS = {
    **dict.fromkeys(("short", "medium", "long", "again", "eta", "link", "member", "body"), TaskSpec()),
    **dict.fromkeys(("once", "oncelong", "oncemember"), TaskSpec(once=True)),
    "tracked": TaskSpec(tracked=True),
}

_UNIT = "unit"


@dataclass(frozen=True)
class Spec:
    """One unit: the task, how long it runs, what it is to others."""

    task: str
    name: str = "short"
    seconds: float = 0.02
    retries: int = 0
    eta: float = 0.0
    chord: str = ""
    index: int = 0
    links: int = 0
    sent_at: float = 0.0

    @property
    def once(self) -> bool:
        """Whether it must never begin twice."""
        return self.name in TASKS and TASKS[self.name].once


class _Headers(msgspec.Struct):
    unit: str


class _Envelope(msgspec.Struct):
    headers: _Headers


_read = msgspec.json.Decoder(_Envelope).decode


def unit_of(claim: c.Claim) -> str:
    """The unit whose message this is."""
    return unit_in(claim.queue, claim.raw)


def unit_in(queue: str, raw: bytes) -> str:
    """The same, of a message from a queue."""
    return f"{raw.decode()}-advance" if queue == c.ADVANCE_QUEUE else _read(raw).headers.unit


@dataclass
class Workload:
    """Every unit there is or will be."""

    units: dict[str, Spec] = field(default_factory=dict)
    chord_sizes: dict[str, int] = field(default_factory=dict)
    _copies: dict[str, int] = field(default_factory=dict)

    def spec(self, unit: str) -> Spec:
        """What a unit is."""
        return self.units[unit]

    def copies(self, task: str) -> int:
        """How many messages carry this task to its end."""
        return self._copies.get(task, 1)

    def add(self, spec: Spec, unit: str = "") -> None:
        """A unit that a producer sends, or that follows from others."""
        self.units[unit or spec.task] = spec
        for attempt in range(1, spec.retries + 1):
            again = replace(spec, retries=spec.retries - attempt, eta=0.0)
            self.units[f"{spec.task}:{attempt}"] = again

    def add_chain(self, name: str, seconds: list[float], sent_at: float) -> None:
        """Tasks of which each enqueues the next."""
        for place, each in enumerate(seconds):
            self.add(Spec(f"{name}.{place}", "link", each, links=len(seconds) - 1 - place, sent_at=sent_at))

    def add_chord(self, name: str, members: list[Spec]) -> None:
        """Members, the advance, the body."""
        self.chord_sizes[name] = len(members)
        for index, member in enumerate(members):
            self.add(replace(member, task=f"{name}.{index}", chord=name, index=index))
        self.units[f"{name}-advance"] = Spec(f"{name}-advance", "advance", 0.01)
        self.units[f"{name}-body"] = Spec(f"{name}-body", "body", 0.05)

    def echo(self, task: str) -> None:
        """A message that arrives a second time, under another id."""
        self.units[f"{task}+"] = self.units[task]
        self._copies[task] = 2

    def echoed(self) -> list[str]:
        """The tasks of which there is a second copy."""
        return list(self._copies)

    def sent(self) -> dict[str, Spec]:
        """What producers send."""
        return {unit: spec for unit, spec in self.units.items() if not _follows(unit, spec)}

    def message(self, unit: str, now: float, delay: int = 0) -> c.Message:
        """The message of a unit, as a producer or a child would write it; `now` on the wall clock."""
        spec = self.units[unit]
        attempt = int(unit.rpartition(":")[2]) if ":" in unit else 0
        call = Call(task=spec.name, retries=attempt, headers={_UNIT: unit}, eta=_instant(spec, now))
        queue, priority = QUEUES[len(spec.task) % 2], 3 if spec.once else 0
        message = encode(call, spec.task, queue, priority, "", now, "tag", "origin")
        raw = message.raw if message.eta_raw is None else message.eta_raw
        return c.Message(unit, queue, raw, message.priority, delay)

    def end(self, queue: str, raw: bytes, now: float) -> c.Outcome:
        """What running a unit comes to."""
        unit = unit_in(queue, raw)
        spec = self.units[unit]
        if spec.retries:
            return self._again(unit, spec, now)
        result = document.write(spec.task, states.SUCCESS, b"1", now)
        successors: tuple[c.Message, ...] = ()
        if spec.links:
            chain, _, place = spec.task.rpartition(".")
            successors = (self.message(f"{chain}.{int(place) + 1}", now),)
        return c.Outcome("", spec.task, result, successors, self._slot(spec))

    def slot(self, claim: c.Claim) -> c.Slot | None:
        """What the unit of a claim fills of a chord, however it ends."""
        return self._slot(self.units[unit_of(claim)])

    def _slot(self, spec: Spec) -> c.Slot | None:
        if not spec.chord:
            return None
        return c.Slot(spec.chord, spec.index, self.chord_sizes[spec.chord], b"%d" % spec.index)

    def _again(self, unit: str, spec: Spec, now: float) -> c.Outcome:
        result = document.write(spec.task, states.RETRY, b"null", now)
        attempt = int(unit.rpartition(":")[2]) if ":" in unit else 0
        successor = self.message(f"{spec.task}:{attempt + 1}", now, delay=700)
        return c.Outcome("", spec.task, result, (successor,))

    def advance(self, chord: str, now: float) -> c.Outcome:
        """What the advance of a chord comes to, once its values are read."""
        return c.Outcome("", successors=(self.message(f"{chord}-body", now),), clears=chord)


def _instant(spec: Spec, now: float) -> str | None:
    return utc_datetime(now + spec.eta).isoformat() if spec.eta else None


def _follows(unit: str, spec: Spec) -> bool:
    """Whether it comes from another unit's end."""
    later_link = spec.name == "link" and not spec.task.endswith(".0")
    return ":" in unit or later_link or spec.name in ("advance", "body")


def draw(random: Random, *, twice: bool = True) -> Workload:
    """The workload of a seed: some seventy units within the first minute.

    With `twice`, a member of a chord is delivered a second time in half of the seeds, as by a person who replays it.
    """
    work = draw_short(random)
    for number in range(3):
        work.add(Spec(f"eta{number}", "eta", 0.1, eta=random.uniform(1.0, 8.0), sent_at=_when(random)))
    for number in range(8):
        name = random.choice(("medium", "tracked"))
        work.add(Spec(f"m{number}", name, random.uniform(0.5, 6.0), sent_at=_when(random)))
    for number in range(2):
        work.add(Spec(f"long{number}", "long", LONG_SECONDS, sent_at=_when(random) / 3))
    for number in range(7):
        work.add(Spec(f"once{number}", "once", random.uniform(0.1, 5.0), sent_at=_when(random)))
    work.add(Spec("oncelong", "oncelong", LONG_SECONDS, sent_at=_when(random) / 3))
    for number in range(2):
        work.add_chain(f"chain{number}", [random.uniform(0.02, 2.0) for _ in range(3)], _when(random))
    for number in range(2):
        at = _when(random)
        work.add_chord(f"chord{number}", [_member(random, at) for _ in range(random.randint(2, 5))])
    work.add_chord("single", [Spec("", "member", 0.1, sent_at=_when(random))])
    if twice and random.random() < 0.5:
        work.echo("chord0.0")
    return work


def draw_short(random: Random) -> Workload:
    """Only tasks that are over in a moment: half of them come at once."""
    work = Workload()
    burst = _when(random)
    for number in range(24):
        at = burst if number < 12 else _when(random)
        work.add(Spec(f"s{number}", "short", random.uniform(0.005, 0.05), sent_at=at))
    for number in range(4):
        work.add(Spec(f"again{number}", "again", 0.3, retries=random.randint(1, 2), sent_at=_when(random)))
    return work


def _when(random: Random) -> float:
    return random.uniform(0.0, 60.0)


def _member(random: Random, at: float) -> Spec:
    if random.random() < 0.25:
        return Spec("", "oncemember", random.uniform(0.1, 3.0), sent_at=at)
    return Spec("", "member", random.uniform(0.02, 4.0), sent_at=at)
