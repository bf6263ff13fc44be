"""Settings of a worker that show in what becomes of tasks: with the value, and without it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from celeriac.exceptions import TimeLimitExceeded, WorkerLostError
from tests.worker.ledger import Kind, wait_until
from tests.worker.process import Worker
from tests.worker.scene import Scene

pytestmark = pytest.mark.slow


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Scene]:
    """A scene on SQLite: what becomes of tasks is the same on all stores."""
    with Scene(f"sqlite:///{tmp_path / 'tasks.db'}", tmp_path) as scene:
        yield scene


def start(stage: Scene, children: int = 1, **settings: Any) -> Worker:
    """A worker of an app with these settings."""
    return stage.ready_worker(children, environment={"TEST_SETTINGS": json.dumps(settings)})


@pytest.mark.parametrize(
    ("settings", "again"),
    [
        ({}, True),
        ({"task_reject_on_worker_lost": False}, False),
        ({"task_acks_late": True}, True),
        ({"task_acks_late": False}, False),
        ({"task_acks_late": "0"}, False),
    ],
)
def test_whether_a_task_whose_process_died_runs_again(stage, settings, again):
    start(stage, worker_crash_limit=2, **settings)
    result = stage.send("die", 1)
    with pytest.raises(WorkerLostError):
        result.get(timeout=20)
    assert len(stage.ledger.starts(1)) == (2 if again else 1)


def test_a_death_counts_as_a_retry_with_the_task_s_own_delay(stage):
    options = {"die": {"default_retry_delay": 0.1, "max_retries": 2}}
    start(stage, task_retry_on_worker_lost=True, task_annotations=options)
    with pytest.raises(WorkerLostError):
        stage.send("die", 1).get(timeout=20)
    assert len(stage.ledger.starts(1)) == 3


@pytest.mark.parametrize("setting", ["task_acks_on_timeout", "task_acks_on_failure_or_timeout", "none"])
def test_whether_a_task_at_its_time_limit_stays_as_a_dead_letter(stage, setting):
    start(stage, task_time_limit=0.4, **{} if setting == "none" else {setting: False})
    with pytest.raises(TimeLimitExceeded):
        stage.send("slow", 1, 30).get(timeout=20)
    assert len(list(stage.app.dead.list())) == (0 if setting == "none" else 1)


@pytest.mark.parametrize("limit", [1, 5])
def test_after_how_many_lost_workers_a_task_is_set_aside(stage, limit):
    first = start(stage, worker_loss_limit=limit)
    result = stage.send("slow", 1, 30)
    stage.ledger.wait_for_starts(1, seconds=20)
    first.tell_all(signal.SIGKILL)
    start(stage, worker_loss_limit=limit)
    if limit == 1:
        with pytest.raises(WorkerLostError):
            result.get(timeout=20)
        assert len(list(stage.app.dead.list())) == 1
    else:
        stage.ledger.wait_for_starts(2, seconds=20)


@pytest.mark.parametrize("setting", ["worker_frame_bytes", "worker_claim_bytes", "none"])
def test_how_much_is_claimed_and_handed_over_at_once(stage, setting):
    stage.send_many("quick", [(number,) for number in range(200)])
    start(stage, **{} if setting == "none" else {setting: 1})
    wait_until(lambda: len(stage.ledger.ends()) == 200, 20, "end of all tasks")
    frames = {record.extra for record in stage.ledger.read() if record.kind == Kind.FRAME}
    # What was claimed alone may wait for a child, and meet what is claimed next.
    maximum = {"worker_frame_bytes": 1, "worker_claim_bytes": 2}
    assert (max(frames) <= maximum.get(setting, 2)) == (setting != "none")


def test_children_are_spawned_if_the_settings_say_so(stage):
    worker = start(stage, worker_pool_start_method="spawn")
    (child,) = worker.children
    assert b"celeriac.worker.processes.spawned" in Path(f"/proc/{child}/cmdline").read_bytes()


def test_the_oldest_dead_letters_fall_out(stage):
    start(stage, dead_letter_limit=2, task_acks_on_failure_or_timeout=False)
    for _ in range(4):
        # It takes two arguments.
        assert isinstance(stage.send("slow").get(timeout=20, propagate=False), TypeError)
    assert len(list(stage.app.dead.list())) == 2


def test_dead_letters_are_forgotten_after_a_while(stage):
    start(stage, dead_letter_expires=0.5, task_acks_on_failure_or_timeout=False)
    stage.app.conf.dead_letter_expires = 0.5
    stage.send("slow").get(timeout=20, propagate=False)

    def forgotten() -> bool:
        # Whatever sets one aside forgets those that are too old.
        stage.send("slow").get(timeout=20, propagate=False)
        return len(list(stage.app.dead.list())) == 1

    wait_until(forgotten, 20, "end of the first dead letter", 0.6)


@pytest.mark.parametrize("width", [1, 3])
def test_how_many_coroutines_run_side_by_side(stage, width):
    stage.send_many("slow_async", [(number, 0.05) for number in range(12)])
    start(stage, worker_async_concurrency=width)
    wait_until(lambda: len(stage.ledger.ends()) == 12, 20, "end of all tasks")
    running, maximum = 0, 0
    for record in stage.ledger.read():
        running += (record.kind == Kind.START) - (record.kind == Kind.END)
        maximum = max(maximum, running)
    assert maximum == width
