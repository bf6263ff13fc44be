"""Which child gets which messages, in which frames: plans over real lanes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from celeriac.worker.core import distribute
from celeriac.worker.core.claim_table import ClaimTable, HeldClaim
from celeriac.worker.core.distribute import Plan, Shares
from celeriac.worker.core.pace import BACKLOG_SECONDS, FRAME_SECONDS, FRAME_TASKS, STUCK_SECONDS, Pace
from celeriac.worker.core.port import Port
from celeriac.worker.core.supervisor import Child
from celeriac.worker.lane.lane import SPAN, allocate

SHARES = Shares(frame_bytes=1 << 18, has_sync=True, has_async=True)
SYNC_ONLY = Shares(frame_bytes=1 << 18, has_sync=True, has_async=False)
ASYNC_ONLY = Shares(frame_bytes=1 << 18, has_sync=False, has_async=True)
NOW = 1000.0

NewChild = Callable[[], Child]


@pytest.fixture
def new_child() -> Iterator[NewChild]:
    """Children as the core sees them; nobody reads at the other end."""
    with contextlib.closing(asyncio.new_event_loop()) as loop, contextlib.ExitStack() as sockets:
        lanes, slots = iter(allocate(8)), itertools.count()

        def new_port(width: int) -> Port:
            ours, theirs = socket.socketpair()
            sockets.enter_context(theirs)
            return Port(next(lanes), sockets.enter_context(ours), loop, width)

        yield lambda: Child(next(slots), new_port(1), new_port(100), -1)


class Queue:
    """What is ready, made as it is needed."""

    def __init__(self) -> None:
        self.claim_table = ClaimTable()
        self.pace = Pace()
        self._numbers = itertools.count()

    def add(self, count: int, seconds: float = 0.0, *, queue: str = "q", size: int = 10, **fields: Any) -> None:
        """So many messages of a task that takes so long."""
        name = f"takes {seconds}"
        self.pace.names[name] = seconds
        for _ in range(count):
            number = str(next(self._numbers))
            self.claim_table.add(HeldClaim(number, queue, 0, b"x" * size, number, name, **fields))

    def plan(self, *children: Child, shares: Shares = SHARES) -> Plan:
        """Who gets what now."""
        return distribute.plan(children, self.claim_table, self.pace, shares, NOW)

    def wanted(self, *children: Child, shares: Shares = SHARES) -> int:
        """How many more to claim now."""
        return distribute.wanted(children, self.claim_table, self.pace, shares, NOW)


@pytest.fixture
def queue() -> Queue:
    return Queue()


def sizes(plan: Plan) -> list[int]:
    return [len(items) for _, items in plan]


def run_in(port: Port, since: float) -> None:
    """What a child writes when a task begins."""
    port.lane.since = since


# -- frames -----------------------------------------------------------------------


def test_frame_holds_no_more_than_so_many_tasks(queue: Queue, new_child: NewChild) -> None:
    queue.add(3 * FRAME_TASKS)
    assert sizes(queue.plan(new_child())) == [FRAME_TASKS, FRAME_TASKS]
    assert len(queue.claim_table.ready) == FRAME_TASKS


def test_frame_holds_no_more_than_so_much_work(queue: Queue, new_child: NewChild) -> None:
    queue.add(20, FRAME_SECONDS / 4)
    frames = sizes(queue.plan(new_child()))
    assert frames == [4, 4]
    assert sum(frames) * FRAME_SECONDS / 4 <= BACKLOG_SECONDS


def test_long_task_travels_alone_and_nothing_follows_it(queue: Queue, new_child: NewChild) -> None:
    queue.add(1, 1.0)
    queue.add(5)
    assert sizes(queue.plan(new_child())) == [1]


def test_first_of_a_name_that_was_never_seen_travels_alone(queue: Queue, new_child: NewChild) -> None:
    queue.add(4)
    queue.pace.names.clear()
    assert sizes(queue.plan(new_child())) == [1, 1]


def test_frame_holds_no_more_than_so_many_bytes_but_always_one_message(queue: Queue, new_child: NewChild) -> None:
    queue.add(4, size=SHARES.frame_bytes // 2)
    queue.add(1, size=4 * SHARES.frame_bytes)
    queue.add(1)
    assert sizes(queue.plan(new_child())) == [2, 2, 1, 1]


def test_frame_is_of_one_queue(queue: Queue, new_child: NewChild) -> None:
    for name in ("a", "a", "b", "a"):
        queue.add(1, queue=name)
    plan = queue.plan(new_child())
    assert [[held.queue for held in items] for _, items in plan] == [["a", "a"], ["b"], ["a"]]


def test_messages_leave_in_the_order_in_which_they_were_ready(queue: Queue, new_child: NewChild) -> None:
    queue.add(30, FRAME_SECONDS / 8)
    names = [held.claim for _, items in queue.plan(new_child()) for held in items]
    assert names == [str(number) for number in range(len(names))]


# -- children ---------------------------------------------------------------------


def test_children_share_what_there_is(queue: Queue, new_child: NewChild) -> None:
    first, second, third = new_child(), new_child(), new_child()
    queue.add(10)
    assert [(port, len(items)) for port, items in queue.plan(first, second, third)] == [
        (first.sync, 4),
        (second.sync, 3),
        (third.sync, 3),
    ]


def test_idle_child_comes_first(queue: Queue, new_child: NewChild) -> None:
    busy, idle = new_child(), new_child()
    queue.add(2)
    busy.sync.hand_over([queue.claim_table.ready.popleft()])
    [(port, _)] = queue.plan(busy, idle)
    assert port is idle.sync


def test_child_with_a_full_backlog_gets_nothing(queue: Queue, new_child: NewChild) -> None:
    child = new_child()
    queue.add(1, 1.1 * BACKLOG_SECONDS)
    child.sync.hand_over([queue.claim_table.ready.popleft()])
    queue.add(1)
    assert queue.plan(child) == []


def test_child_at_a_long_task_gets_nothing_until_it_has_ended(queue: Queue, new_child: NewChild) -> None:
    child = new_child()
    queue.add(1)
    run_in(child.sync, NOW - 1.1 * STUCK_SECONDS)
    assert queue.plan(child) == []
    run_in(child.sync, 0.0)
    assert sizes(queue.plan(child)) == [1]


def test_child_that_was_relieved_gets_nothing_while_the_same_task_runs(queue: Queue, new_child: NewChild) -> None:
    child = new_child()
    queue.add(2)
    child.sync.hand_over([queue.claim_table.ready.popleft(), queue.claim_table.ready.popleft()])
    assert child.sync.lane.tokens.acquire(False)  # the child begins the first
    run_in(child.sync, NOW - STUCK_SECONDS / 2)
    assert [held.claim for held in child.sync.take_back()] == ["1"]
    queue.add(1)
    assert queue.plan(child) == []
    run_in(child.sync, NOW)
    assert sizes(queue.plan(child)) == [1]


def test_dead_child_gets_nothing(queue: Queue, new_child: NewChild) -> None:
    child = new_child()
    child.alive = False
    queue.add(1)
    queue.add(1, asynchronous=True)
    assert queue.plan(child) == []
    assert queue.wanted(child) == 0


# -- tasks that are marked in the store first ---------------------------------------


def test_tasks_that_need_a_start_travel_in_frames_like_all_others(queue: Queue, new_child: NewChild) -> None:
    queue.add(2)
    queue.add(2, needs_start=True)
    queue.add(2)
    first, second = new_child(), new_child()
    plan = queue.plan(first, second)
    assert [(port, len(items)) for port, items in plan] == [(first.sync, 3), (second.sync, 3)]


def test_what_is_to_be_marked_first_counts_as_given(queue: Queue, new_child: NewChild) -> None:
    child = new_child()
    child.sync.coming = [HeldClaim(str(number), "q", 0, b"", "x", "t") for number in range(2 * FRAME_TASKS)]
    queue.add(3)
    assert queue.plan(child) == []
    assert not child.idle


# -- event loops ------------------------------------------------------------------


def test_loop_takes_as_many_as_it_may_run(queue: Queue, new_child: NewChild) -> None:
    queue.add(300, asynchronous=True)
    child = new_child()
    plan = queue.plan(child)
    assert {port for port, _ in plan} == {child.asynchronous}
    assert sizes(plan) == [FRAME_TASKS, 100 - FRAME_TASKS]
    for port, items in plan:
        port.hand_over(items)
    assert queue.plan(child) == []


def test_coroutines_that_need_a_start_take_places_as_they_come(queue: Queue, new_child: NewChild) -> None:
    queue.add(3, asynchronous=True, needs_start=True)
    child = new_child()
    [(port, items)] = queue.plan(child)
    assert (port, len(items)) == (child.asynchronous, 3)
    port.coming = items + [HeldClaim(str(number), "q", 0, b"", "x", "t", asynchronous=True) for number in range(97)]
    queue.add(1, asynchronous=True)
    assert queue.plan(child) == []


def test_kinds_do_not_stand_in_each_others_way(queue: Queue, new_child: NewChild) -> None:
    child = new_child()
    run_in(child.sync, NOW - 1.0)
    queue.add(5)
    queue.add(5, asynchronous=True)
    [(port, items)] = queue.plan(child)
    assert port is child.asynchronous
    assert len(items) == 5


def test_coroutine_that_runs_for_hours_does_not_stop_those_beside_it(queue: Queue, new_child: NewChild) -> None:
    port = new_child().asynchronous
    queue.add(1, asynchronous=True)
    port.hand_over([queue.claim_table.ready_async.popleft()])
    (long,) = port.out
    for _ in range(SPAN):
        assert port.room() > 1, "the child's event loop gets nothing any more"
        queue.add(3, asynchronous=True)
        port.hand_over([queue.claim_table.ready_async.popleft() for _ in range(3)])
        numbers = [port.out.popitem()[0] for _ in range(3)]
        assert long % SPAN not in {number % SPAN for number in numbers}, "it shares a flag with another"


# -- how many to claim --------------------------------------------------------------


def test_idle_child_is_worth_a_claim_and_a_stuck_one_is_not(queue: Queue, new_child: NewChild) -> None:
    queue.pace.overall = 10.0
    idle, stuck = new_child(), new_child()
    run_in(stuck.sync, NOW - 1.0)
    assert queue.wanted(idle, stuck, shares=SYNC_ONLY) == 1
    assert queue.wanted(stuck, shares=SYNC_ONLY) == 0
    queue.add(1)
    assert queue.wanted(idle, stuck, shares=SYNC_ONLY) == 0


def test_loops_claim_what_they_may_run(queue: Queue, new_child: NewChild) -> None:
    assert queue.wanted(new_child(), new_child(), shares=ASYNC_ONLY) == 2 * 100
    queue.add(190, asynchronous=True)
    assert queue.wanted(new_child(), new_child(), shares=ASYNC_ONLY) == 10


def test_child_is_idle_until_it_has_something(queue: Queue, new_child: NewChild) -> None:
    child = new_child()
    assert distribute.any_idle([child], SYNC_ONLY, NOW)
    queue.add(1)
    child.sync.hand_over([queue.claim_table.ready.popleft()])
    assert not distribute.any_idle([child], SYNC_ONLY, NOW)
    assert distribute.any_idle([child], SHARES, NOW)
    assert not distribute.any_idle([], SHARES, NOW)


# -- children that do not read --------------------------------------------------------


def test_loop_that_does_not_read_is_given_nothing_more(queue: Queue, new_child: NewChild, monkeypatch: Any) -> None:
    child = new_child()
    port, now = child.asynchronous, [NOW]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    port.lane.heard = port._said = 1
    queue.add(2, asynchronous=True)
    [(_, items)] = queue.plan(child)
    port.hand_over(items)
    assert not port.deaf(NOW + STUCK_SECONDS / 2)
    assert port.deaf(NOW + 2 * STUCK_SECONDS)
    assert distribute.room(port, NOW + 2 * STUCK_SECONDS) == 0
    assert port.waits()
    port.lane.heard = 2
    assert not port.deaf(NOW + 0.1)
    assert distribute.room(port, NOW + 0.1) == 98


def test_child_that_was_only_slow_is_given_more_time(new_child: NewChild, monkeypatch: Any) -> None:
    port, now = new_child().asynchronous, NOW
    monkeypatch.setattr("time.monotonic", lambda: now)
    port.lane.heard = port._said = 1
    patience = []
    for number in range(2, 8):
        port.knock(now)
        assert port._said == number
        silent = next(step / 1000 for step in range(1, 1000) if port.deaf(now + step / 1000))
        patience.append(silent)
        now += silent
        port.lane.heard = number
        assert not port.deaf(now)
        now += 1.0
    assert patience == sorted(patience)
    assert patience[0] < 0.03
    assert 0.3 < patience[-1] < 0.7
