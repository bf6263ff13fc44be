"""Arguments and results larger than everything in between: ring, frame, socket buffer."""

from __future__ import annotations

import os
import signal

import pytest

from celeriac.result import gather
from celeriac.worker.lane.lane import LARGEST, SIZE
from tests.worker.ledger import wait_until
from tests.worker.scene import Scene

pytestmark = pytest.mark.slow

SIZES = (LARGEST - 200, LARGEST, LARGEST + 1, SIZE, 2 * SIZE, 5 * SIZE)


def test_results_of_all_sizes_arrive(scene: Scene) -> None:
    scene.ready_worker(2)
    results = scene.send_many("large", [(number, "abc", size) for number, size in enumerate(SIZES)])
    assert [len(result) for result in gather(results, timeout=30)] == list(SIZES)


def test_large_and_small_results_of_one_child_do_not_overtake_their_tasks(scene: Scene) -> None:
    """They take two ways, a socket and a ring; each must end its own task."""
    scene.ready_worker(1)
    sizes = [(3 * SIZE if number % 7 == 0 else 100 * number) for number in range(60)]
    results = scene.send_many("large", [(number, f"{number:100}", size) for number, size in enumerate(sizes)])
    for number, (size, result) in enumerate(zip(sizes, gather(results, timeout=30), strict=True)):
        assert len(result) == size
        assert result[:100] == f"{number:100}"[:size]
    assert len(scene.ledger.starts()) == 60


def test_arguments_of_two_megabytes_arrive(scene: Scene) -> None:
    scene.ready_worker(2)
    data = "x" * 2_000_000
    results = scene.send_many("large", [(number, data, 10) for number in range(10)])
    assert gather(results, timeout=30) == ["x" * 10] * 10


def test_a_child_killed_with_large_messages_in_its_socket_is_replaced(scene: Scene) -> None:
    worker = scene.ready_worker(1)
    data = "x" * 2_000_000
    results = scene.send_many("large", [(number, data, 3 * SIZE) for number in range(12)])
    killed: set[int] = set()
    for count in (2, 5):  # a third kill could hit the same task, which would then be a dead letter
        scene.ledger.wait_for_starts(count)
        # The last of them may still be of the one killed before.
        wait_until(lambda: scene.ledger.starts()[-1].pid not in killed, 10, "beginning in a new child")
        victim = scene.ledger.starts()[-1].pid
        killed.add(victim)
        os.kill(victim, signal.SIGKILL)
    assert [len(result) for result in gather(results, timeout=30)] == [3 * SIZE] * 12
    assert len(scene.ledger.starts()) <= 12 + 2
    assert worker.stop() == 0


def test_a_worker_that_starts_on_a_backlog_of_large_messages_claims_them(scene: Scene) -> None:
    """Redis cuts off whoever listens to a channel and is owed more than 32 MB."""
    results = scene.send_many("large", [(number, "x" * 30_000_000, 10) for number in range(2)])
    scene.ready_worker(2)
    assert gather(results, timeout=30) == ["x" * 10] * 2
