"""What core and child share, shared for real: the memory and the semaphores of a lane across a fork."""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from functools import partial

import pytest

from celeriac.worker.lane.lane import LARGEST, SIZE, SPAN, Lane, allocate


def in_child(work: Callable[[], None]) -> int:
    """Fork and do it there; the child ends with 0 unless it fails or is killed."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def ended_well(pid: int) -> bool:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def await_true(condition: Callable[[], object]) -> None:
    """Spin until it is so; the other process needs the time more than a sleep would."""
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0)


@pytest.fixture
def lane() -> Lane:
    return allocate(1)[0]


# -- tokens and flags ---------------------------------------------------------------


def test_child_gets_as_many_tokens_as_messages_were_posted(lane: Lane) -> None:
    lane.post(1, 5)

    def child() -> None:
        assert [lane.tokens.acquire(False) for _ in range(6)] == [True] * 5 + [False]

    assert ended_well(in_child(child))
    assert not lane.tokens.acquire(False)


def test_what_has_not_begun_is_taken_back_from_the_tail(lane: Lane) -> None:
    lane.post(1, 5)

    def child() -> None:
        assert lane.tokens.acquire(False)
        assert lane.tokens.acquire(False)

    assert ended_well(in_child(child))
    assert lane.take_back([1, 2, 3, 4, 5]) == [3, 4, 5]
    assert lane.take_back([1, 2]) == []

    def look() -> None:
        assert [lane.taken[number] for number in range(1, 6)] == [0, 0, 1, 1, 1]
        assert not lane.tokens.acquire(False)

    assert ended_well(in_child(look))


def test_no_message_is_begun_and_taken_back_when_both_hurry(lane: Lane) -> None:
    """Each token goes to one side, whoever comes first."""
    for round_ in range(30):
        lane.reset()  # each child writes from the beginning of the ring
        first = 1 + 100 * round_
        lane.post(first, 100)

        def child() -> None:
            count = 0
            while lane.tokens.acquire(False):
                count += 1
            assert lane.put(count, 0.0, 0, b"")

        pid = in_child(child)
        back = lane.take_back(list(range(first, first + 100)))
        assert ended_well(pid)
        [(begun, _, _, _)] = lane.collect()
        assert begun + len(back) == 100
        assert back == list(range(first + begun, first + 100))


def test_flags_of_reused_numbers_are_cleared_when_they_are_posted(lane: Lane) -> None:
    lane.post(1, 2)
    lane.begun[1] = 1
    assert lane.take_back([1, 2]) == [1, 2]
    lane.post(1 + SPAN, 2)
    assert [lane.taken[1], lane.taken[2], lane.begun[1]] == [0, 0, 0]


# -- outcomes -----------------------------------------------------------------------


def test_outcomes_come_as_they_were_put(lane: Lane) -> None:
    def child() -> None:
        assert lane.put(7, 0.25, 1, b"seven")
        assert lane.put(8, 0.0, 0, b"")

    assert ended_well(in_child(child))
    assert lane.collect() == [(7, 0.25, 1, b"seven"), (8, 0.0, 0, b"")]
    assert lane.collect() == []


def test_ring_goes_round_many_times(lane: Lane) -> None:
    """Sizes are odd, so that records and their heads lie across the end of the ring again and again."""
    chance = random.Random(3)
    sizes = [chance.randrange(LARGEST) for _ in range(60)]
    assert sum(sizes) > 5 * SIZE

    def child() -> None:
        for number, size in enumerate(sizes):
            await_true(partial(lane.put, number, 0.0, 0, bytes([number]) * size))

    pid = in_child(child)
    found: list[tuple[int, float, int, bytes]] = []

    def all_here() -> bool:
        found.extend(lane.collect())
        return len(found) == len(sizes)

    await_true(all_here)
    assert ended_well(pid)
    assert [(number, data) for number, _, _, data in found] == [
        (number, bytes([number]) * size) for number, size in enumerate(sizes)
    ]


def test_full_ring_takes_nothing_more_until_it_is_read(lane: Lane) -> None:
    data = b"x" * (LARGEST // 2)

    def fill() -> int:
        count = 0
        while lane.put(count, 0.0, 0, data):
            count += 1
        return count

    count = fill()
    assert count == 7
    assert not lane.put(99, 0.0, 0, data)
    assert [number for number, *_ in lane.collect()] == list(range(count))
    assert fill() == count


@pytest.mark.parametrize("moment", range(5))
def test_what_was_put_outlives_the_child_that_is_killed(lane: Lane, moment: int) -> None:
    """The child is killed while it writes: all complete outcomes are there, whole, and no half one."""

    def child() -> None:
        number = 0
        while True:
            if lane.put(number, 1.0, 0, b"%d" % number * 50):
                lane.begun[number % SPAN] = 1
                number += 1

    pid = in_child(child)
    found: list[tuple[int, float, int, bytes]] = []

    def enough() -> bool:
        found.extend(lane.collect())
        return len(found) > 500 * moment

    await_true(enough)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    found += lane.collect()
    assert [(number, data) for number, _, _, data in found] == [
        (number, b"%d" % number * 50) for number in range(len(found))
    ]


def test_lane_of_a_dead_child_is_as_new_for_the_next(lane: Lane) -> None:
    lane.valid_until = 5.0
    lane.post(1, 3)

    def child() -> None:
        assert lane.tokens.acquire(False)
        lane.begun[1], lane.since = 1, 4.0
        assert lane.put(9, 0.0, 0, b"left over")

    assert ended_well(in_child(child))
    lane.take_back([1, 2])
    lane.reset()
    assert (lane.since, lane.begun[1], lane.taken[2]) == (0.0, 0, 0)
    assert lane.valid_until == 5.0, "the lease goes on"

    def next_child() -> None:
        assert not lane.tokens.acquire(False)
        assert lane.put(1, 0.0, 0, b"first")

    assert ended_well(in_child(next_child))
    assert lane.collect() == [(1, 0.0, 0, b"first")]


# -- words --------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["since", "valid_until"])
def test_word_is_never_seen_half_written(lane: Lane, word: str) -> None:
    """`struct.pack_into` zeroes a field before it writes it, and another process reads the zero."""
    values = (1.0, -1.7976931348623157e308)
    setattr(lane, word, values[0])

    def child() -> None:
        while not lane.tokens.acquire(False):
            for value in values:
                setattr(lane, word, value)

    pid = in_child(child)
    await_true(lambda: getattr(lane, word) == values[1])
    seen = {getattr(lane, word) for _ in range(300_000)}
    lane.tokens.release()
    assert ended_well(pid)
    assert seen <= set(values)


def test_lanes_do_not_share_anything() -> None:
    first, second = allocate(2)
    first.post(1, 2)
    first.since = 3.0
    assert first.put(1, 0.0, 0, b"one")
    assert second.since == 0.0
    assert not second.tokens.acquire(False)
    assert second.collect() == []
    assert first.collect() == [(1, 0.0, 0, b"one")]
