"""The checker: reads what happened and says what must not have. Pure.

lost          every task that was enqueued has a final result, of an execution that began and ended
begun once    what may run at most once never begins again
failed        such a task fails only where a fault struck what ran it or had it, and it is kept as a dead letter
once          exactly one final document was ever written for it: none was accepted from a lost lease
explained     a task begins again only after a fault struck the process that had begun it
settled       what had ended long before the fault does not begin again
one a slot    of the death of a child, at most the task it was running begins again
recovered     what a killed process was running begins again in time
left over     nothing stays behind in the store: messages, claims, leases, delayed tasks
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tests.chaos.faults import CHILD_KILLS, FREEZES, KILLS, OUTAGES, REFUSALS, STALLS, WORKER_KILLS, Fault
from tests.chaos.load import may_run_once
from tests.worker.ledger import Kind, Record

SECOND = 1_000_000_000
SETTLED = 1 * SECOND
"""How long after its end a task may still begin again when its worker dies: its result was on the way."""
RECOVERED = 1 * SECOND
"""DESIGN, G5: the work of a dead child, or of a dead worker on the same host, begins again within a second."""


@dataclass(slots=True)
class Story:
    """All that is known after a run. Tasks go by their numbers, `lease` is in seconds.

    `finals` counts the final documents ever written, `results` has the last one: the number that the task
    returned and the pid it ran in.
    """

    records: list[Record]
    faults: list[Fault]
    finals: Counter[int]
    results: dict[int, tuple[int, int]]
    left_over: list[str] = field(default_factory=list)
    lease: float = 10.0
    kept: set[int] = field(default_factory=set)
    """Tasks of which there was a dead letter in the end."""
    recoveries: list[tuple[Fault, int]] = field(default_factory=list)
    """Filled in by `violations`: kills that nothing else disturbed, and the nanoseconds until the work went on."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A task that began again, and the faults that may be the reason."""

    before: Record
    again: Record
    reasons: tuple[Fault, ...]


def violations(story: Story) -> list[str]:
    """Everything that must not have happened; empty when all is well."""
    starts = _by_task(story, Kind.START)
    ends = _by_task(story, Kind.END)
    repeats = _repeats(story, starts)
    return [
        *_lost(story, starts, ends),
        *_begun_again(starts),
        *_failed(story, starts),
        *_not_once(story),
        *_unexplained(repeats),
        *_unsettled(story, repeats, ends),
        *_several_a_slot(story, repeats),
        *_unrecovered(story, starts, ends),
        *(f"left over: {what}" for what in story.left_over),
    ]


def _by_task(story: Story, kind: Kind) -> dict[int, list[Record]]:
    found: dict[int, list[Record]] = defaultdict(list)
    for record in story.records:
        if record.kind == kind:
            found[record.task].append(record)
    return found


def _lost(story: Story, starts: dict[int, list[Record]], ends: dict[int, list[Record]]) -> list[str]:
    found = []
    for record in story.records:
        if record.kind != Kind.ENQUEUED:
            continue
        result = story.results.get(record.task)
        if result is None:
            found.append(f"lost: task {record.task} has no result; it began {len(starts[record.task])} times")
            continue
        number, pid = result
        if number == -1 and may_run_once(record.task):
            continue
        if number != record.task or pid not in {end.pid for end in ends[record.task]}:
            found.append(f"lost: task {record.task} has the result {result}, which none of its executions returned")
    return found


def _begun_again(starts: dict[int, list[Record]]) -> list[str]:
    return [
        f"begun once: task {task} began {len(records)} times"
        for task, records in starts.items()
        if may_run_once(task) and len(records) > 1
    ]


def _failed(story: Story, starts: dict[int, list[Record]]) -> list[str]:
    """A task that had not begun may have been marked in a frame that was lost with its worker, or with its lease."""
    failed = {task for task, (number, _) in story.results.items() if number == -1 and may_run_once(task)}
    lost = [fault for fault in story.faults if fault.kind in (*WORKER_KILLS, *FREEZES, *OUTAGES, *REFUSALS, *STALLS)]
    found = [f"failed: task {task} is not kept as a dead letter" for task in sorted(failed - story.kept)]
    found += [f"failed: task {task} is kept as a dead letter though it has its result" for task in story.kept - failed]
    for task in sorted(failed):
        begun = starts.get(task, [])
        if not any(fault.hits(start) for fault in story.faults for start in begun) and not lost:
            found.append(f"failed: task {task} failed without a fault; it began {len(begun)} times")
    return found


def _not_once(story: Story) -> list[str]:
    return [
        f"once: task {task} has {story.finals[task]} final documents"
        for task in sorted({*story.finals, *story.results})
        if story.finals[task] != 1
    ]


def _repeats(story: Story, starts: dict[int, list[Record]]) -> list[Repeat]:
    """Each beginning but the first, with the one before it that a fault struck."""
    lasting = [fault for fault in story.faults if fault.kind not in FREEZES or _outlasts(fault, story.lease)]
    found = []
    for records in starts.values():
        records.sort(key=lambda record: record.when)
        for index, again in enumerate(records[1:], 1):
            reasons = {
                before: tuple(fault for fault in lasting if fault.explains(before, again))
                for before in reversed(records[:index])
            }
            before = next((before for before, faults in reasons.items() if faults), records[index - 1])
            found.append(Repeat(before, again, reasons[before]))
    return found


def _outlasts(freeze: Fault, lease: float) -> bool:
    """Whether a worker may have lost its lease by a freeze: it sent a heartbeat at most a quarter of a lease before."""
    return freeze.ended - freeze.began > 0.75 * lease * SECOND


def _unexplained(repeats: list[Repeat]) -> list[str]:
    return [
        f"explained: task {repeat.again.task} began again on worker {repeat.again.worker} at {_at(repeat.again.when)}, "
        f"but worker {repeat.before.worker}, where it began at {_at(repeat.before.when)}, was well"
        for repeat in repeats
        if not repeat.reasons
    ]


def _unsettled(story: Story, repeats: list[Repeat], ends: dict[int, list[Record]]) -> list[str]:
    found = []
    for repeat in repeats:
        end = _end_of(repeat.before, ends)
        if end is None or not repeat.reasons:
            continue
        struck = min(fault.began for fault in repeat.reasons)
        absences = [fault for fault in story.faults if fault.kind in OUTAGES + FREEZES + STALLS + REFUSALS]
        away = any(absence.overlaps(end.when - SETTLED, struck) for absence in absences)
        age = struck - end.when
        if age > SETTLED and not away:
            found.append(f"settled: task {end.task} began again though it had ended {age / 1e9:.1f} s before")
    return found


def _end_of(start: Record, ends: dict[int, list[Record]]) -> Record | None:
    return next((end for end in ends[start.task] if end.pid == start.pid and end.when >= start.when), None)


def _several_a_slot(story: Story, repeats: list[Repeat]) -> list[str]:
    found = []
    for fault in story.faults:
        if fault.kind in CHILD_KILLS:
            again = Counter(repeat.before.pid for repeat in repeats if repeat.reasons == (fault,))
            found += [
                f"one a slot: {count} tasks of child {pid} began again after the {fault.kind} at {_at(fault.began)}"
                for pid, count in again.items()
                if count > 1
            ]
    return found


def _unrecovered(story: Story, starts: dict[int, list[Record]], ends: dict[int, list[Record]]) -> list[str]:
    """Only where no other fault interferes: whoever takes over must be there to do it."""
    found = []
    for fault in story.faults:
        if fault.kind not in KILLS:
            continue
        for records in starts.values():
            struck = [record for record in records if fault.hits(record) and record.when <= fault.began]
            if not struck:
                continue
            end = _end_of(struck[-1], ends)
            again = next((record for record in records if record.when > fault.began), None)
            if again is None or (end is not None and end.when <= fault.began):
                continue
            if _disturbed(fault, again, story):
                continue
            delay = again.when - fault.began
            story.recoveries.append((fault, delay))
            if delay > RECOVERED:
                found.append(
                    f"recovered: task {again.task} began again {delay / 1e9:.1f} s after the {fault.kind} "
                    f"at {_at(fault.began)}"
                )
    return found


def _disturbed(fault: Fault, again: Record, story: Story) -> bool:
    """Whether something else happened in between, or there was nobody to take over.

    After a freeze or an outage it takes a moment until all are back.
    """
    others = [other for other in story.faults if other is not fault]
    if any(other.overlaps(fault.began - (SETTLED if other.kind not in KILLS else 0), again.when) for other in others):
        return True
    here = {record.worker for record in story.records if record.kind == Kind.START and record.when < fault.began}
    gone = {other.worker for other in story.faults if other.kind in WORKER_KILLS and other.began <= fault.began}
    return not here - gone


def _at(when: int) -> str:
    return f"{when / 1e9:.3f} s"
