"""The checker itself: each rule is broken once, in a story made up for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.chaos.check import SECOND, Story, violations
from tests.chaos.faults import Fault, Kind
from tests.worker.ledger import Kind as What
from tests.worker.ledger import Record

LEASE = 2.0


def at(seconds: float) -> int:
    """An instant of the story."""
    return int(1000 * SECOND + seconds * SECOND)


def story(*records: Record, faults: tuple[Fault, ...] = (), finals: dict[int, int] | None = None) -> Story:
    """A story in which each task that ended has its result from its last execution."""
    results = {record.task: (record.task, record.pid) for record in records if record.kind == What.END}
    return Story(list(records), list(faults), Counter(finals or dict.fromkeys(results, 1)), results, [], LEASE)


def enqueued(task: int = 1) -> Record:
    return Record(What.ENQUEUED, task)


def run(task: int, began: float, ended: float, pid: int = 10, worker: int = 0) -> tuple[Record, Record]:
    """An execution from beginning to end."""
    return start(task, began, pid, worker), Record(What.END, task, worker, pid, at(ended))


def start(task: int, began: float, pid: int = 10, worker: int = 0) -> Record:
    """An execution that does not come to its end."""
    return Record(What.START, task, worker, pid, at(began))


def fault(kind: Kind, began: float, ended: float = 0.0, worker: int = 0, children: tuple[int, ...] = ()) -> Fault:
    return Fault(kind, at(began), at(max(began, ended)), worker, children)


KILL_CHILD = fault(Kind.KILL_CHILD, 1.0, children=(10,))
KILL_CORE = fault(Kind.KILL_CORE, 1.0)


def test_a_run_without_faults() -> None:
    assert violations(story(enqueued(), *run(1, 0.0, 0.5))) == []


def test_a_task_without_a_result_is_lost() -> None:
    assert violations(story(enqueued(), start(1, 0.0))) == ["lost: task 1 has no result; it began 1 times"]


def test_a_result_that_nobody_returned() -> None:
    told = story(enqueued(), *run(1, 0.0, 0.5))
    told.results[1] = (1, 99)
    assert violations(told) == ["lost: task 1 has the result (1, 99), which none of its executions returned"]


def test_two_final_documents() -> None:
    assert violations(story(enqueued(), *run(1, 0.0, 0.5), finals={1: 2})) == ["once: task 1 has 2 final documents"]


def test_a_second_beginning_without_a_fault() -> None:
    (found,) = violations(story(enqueued(), *run(1, 0.0, 0.5), *run(1, 0.6, 0.7, pid=11)))
    assert found.startswith("explained: task 1 began again on worker 0 at 1000.600 s")


@pytest.mark.parametrize(
    "reason",
    [
        KILL_CHILD,
        KILL_CORE,
        fault(Kind.KILL_ZYGOTE, 1.0, children=(9, 10)),
        fault(Kind.KILL_ZYGOTE, 0.895, children=(9, 10)),
        fault(Kind.KILL_GROUP, 1.0),
        fault(Kind.FREEZE_CORE, 1.0, 5.0),
        fault(Kind.FREEZE_GROUP, 0.5, 5.0),
    ],
)
def test_a_fault_that_struck_the_first_execution_explains_a_second(reason: Fault) -> None:
    assert violations(story(enqueued(), start(1, 0.9), *run(1, 1.2, 1.5, pid=20, worker=1), faults=(reason,))) == []


@pytest.mark.parametrize(
    "reason",
    [
        fault(Kind.KILL_CHILD, 1.0, children=(11,)),
        fault(Kind.KILL_CHILD, 0.5, children=(10,)),
        fault(Kind.KILL_ZYGOTE, 0.5, children=(10,)),
        fault(Kind.KILL_CORE, 1.0, worker=1),
        fault(Kind.KILL_CORE, 1.3),
        fault(Kind.FREEZE_CORE, 0.95, 1.1),
        fault(Kind.FREEZE_GROUP, 1.0, 5.0, worker=2),
        fault(Kind.FREEZE_STORE, 0.5, 5.0, worker=-1),
        fault(Kind.KILL_STORE, 0.5, 5.0, worker=-1),
    ],
)
def test_a_fault_elsewhere_or_at_another_time_explains_nothing(reason: Fault) -> None:
    found = violations(story(enqueued(), start(1, 0.9), *run(1, 1.2, 1.5, pid=20, worker=1), faults=(reason,)))
    assert any(violation.startswith("explained") for violation in found)


def test_what_ended_long_before_the_kill_may_not_begin_again() -> None:
    told = story(enqueued(), *run(1, -3.0, -2.0), *run(1, 1.2, 1.5, pid=20, worker=1), faults=(KILL_CORE,))
    assert violations(told) == ["settled: task 1 began again though it had ended 3.0 s before"]


def test_what_ended_just_before_the_kill_may_begin_again() -> None:
    told = story(enqueued(), *run(1, 0.0, 0.9), *run(1, 1.2, 1.5, pid=20, worker=1), faults=(KILL_CORE,))
    assert violations(told) == []


def test_an_outage_before_the_kill_keeps_results_back() -> None:
    outage = fault(Kind.FREEZE_STORE, -2.5, 0.9, worker=-1)
    told = story(enqueued(), *run(1, -3.0, -2.0), *run(1, 1.2, 1.5, pid=20, worker=1), faults=(KILL_CORE, outage))
    assert violations(told) == []


def test_a_dead_child_repeats_one_task() -> None:
    first = story(enqueued(), start(1, 0.9), *run(1, 1.2, 1.5, pid=20), faults=(KILL_CHILD,))
    second = story(enqueued(2), *run(2, 0.5, 0.8), *run(2, 1.2, 1.5, pid=20), faults=(KILL_CHILD,))
    assert violations(first) == violations(second) == []
    both = replace(
        first,
        records=first.records + second.records,
        results=first.results | second.results,
        finals=first.finals + second.finals,
    )
    (found,) = violations(both)
    assert found == "one a slot: 2 tasks of child 10 began again after the kill of a child at 1001.000 s"


def test_work_that_begins_again_too_late() -> None:
    bystander = run(5, 0.0, 0.1, pid=30, worker=1)
    told = story(enqueued(), start(1, 0.9), *run(1, 2.2, 2.5, pid=20, worker=1), *bystander, faults=(KILL_CORE,))
    (found,) = violations(told)
    assert found == "recovered: task 1 began again 1.2 s after the kill of a core at 1001.000 s"


def test_recovery_is_not_judged_where_nobody_is_left_to_take_over() -> None:
    told = story(enqueued(), start(1, 0.9), *run(1, 2.2, 2.5, pid=20, worker=1), faults=(KILL_CORE,))
    assert violations(told) == []


def test_recovery_is_not_judged_while_the_store_is_away() -> None:
    outage = fault(Kind.FREEZE_STORE, 0.5, 4.0, worker=-1)
    told = story(enqueued(), start(1, 0.9), *run(1, 4.5, 5.0, pid=20, worker=1), faults=(KILL_CORE, outage))
    assert violations(told) == []


def test_recovery_is_measured() -> None:
    told = story(enqueued(), start(1, 0.9), *run(1, 1.2, 1.5, pid=20), faults=(KILL_CHILD,))
    assert violations(told) == []
    assert told.recoveries == [(KILL_CHILD, at(1.2) - at(1.0))]


def test_what_is_left_over() -> None:
    told = replace(story(enqueued(), *run(1, 0.0, 0.5)), left_over=["celeriac:claims:w (hash)"])
    assert violations(told) == ["left over: celeriac:claims:w (hash)"]
