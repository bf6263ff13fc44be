"""How long tasks take, as far as one knows, and how many to claim because of it."""

from __future__ import annotations

import pytest

from celeriac.worker.core.pace import BACKLOG_SECONDS, FRAME_SECONDS, FRAME_TASKS, Pace

MOST_CLAIMS = 320


def seasoned(seconds: float) -> Pace:
    """A pace that has seen many tasks of this length."""
    pace = Pace()
    for _ in range(400):
        pace.observe("t", seconds)
    return pace


def test_name_never_seen_counts_as_a_full_frame() -> None:
    assert Pace().estimate("new") == FRAME_SECONDS


def test_first_run_is_believed_and_later_ones_move_the_estimate_by_a_fifth() -> None:
    pace = Pace()
    pace.observe("t", 0.1)
    assert pace.estimate("t") == pytest.approx(0.1)
    pace.observe("t", 0.2)
    assert pace.estimate("t") == pytest.approx(0.12)
    assert pace.estimate("other") == FRAME_SECONDS


def test_one_outlier_of_an_hour_is_no_more_than_one_of_a_second() -> None:
    pace = seasoned(0.001)
    pace.observe("t", 3600.0)
    assert pace.estimate("t") == pytest.approx(0.001 + 0.2 * (1.0 - 0.001))
    assert pace.overall < 0.06


def test_estimates_come_back_after_an_outlier() -> None:
    pace = seasoned(0.001)
    pace.observe("t", 1.0)
    for _ in range(40):
        pace.observe("t", 0.001)
    assert pace.estimate("t") < 0.0011


def test_idle_child_wants_a_task_however_long_tasks_are() -> None:
    assert seasoned(10.0).wanted([(0, 0.0)], waiting=0) == 1


def test_busy_child_with_long_tasks_wants_none() -> None:
    assert seasoned(10.0).wanted([(1, 1.0)], waiting=0) == 0


def test_short_tasks_are_claimed_by_the_hundred_and_within_bounds() -> None:
    pace = seasoned(0.0001)
    assert pace.wanted([(0, 0.0)], waiting=0) == int(2 * BACKLOG_SECONDS / pace.overall)
    assert seasoned(1e-7).wanted([(0, 0.0)] * 50, waiting=0) == MOST_CLAIMS
    assert seasoned(1e-7).wanted([(6 * FRAME_TASKS, 0.0)], waiting=0) == 0


def test_what_is_claimed_already_is_not_claimed_again() -> None:
    pace = seasoned(0.001)
    wanted = pace.wanted([(0, 0.0)], waiting=0)
    assert pace.wanted([(0, 0.0)], waiting=wanted - 3) == 3
    assert pace.wanted([(0, 0.0)], waiting=wanted + 3) == 0


def test_a_worker_without_children_wants_nothing() -> None:
    assert Pace().wanted([], waiting=0) == 0


def test_claims_follow_the_mix_of_kinds() -> None:
    pace = Pace()
    assert pace.split_wanted(0, 0) == 0
    assert pace.split_wanted(10, 100) == 10
    for _ in range(1000):
        pace.observe_kind(asynchronous=True)
    assert pace.split_wanted(10, 100) == 100
    for index in range(1000):
        pace.observe_kind(asynchronous=index % 2 == 0)
    assert pace.asynchronous == pytest.approx(0.5, abs=0.05)
    assert pace.split_wanted(10, 100) in range(18, 23)


def test_kind_that_has_no_room_holds_the_other_back_while_both_come() -> None:
    pace = Pace(asynchronous=0.5)
    assert pace.split_wanted(0, 100) == 0
    assert pace.split_wanted(100, 0) == 0
    assert pace.split_wanted(100, -5) == 0
