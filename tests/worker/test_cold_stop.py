"""A cold stop: what runs is given back first, uncharged, and killed then; and what ends without any grace."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from celeriac.exceptions import WorkerLostError
from celeriac.stores import contract as c
from celeriac.worker.system.stopping import ECHO_SECONDS
from tests.worker.ledger import wait_until
from tests.worker.process import Worker, freeze, wait_gone, watch
from tests.worker.scene import Scene, open_gate
from tools.servers.redis import RedisServer

pytestmark = pytest.mark.slow


def quit_worker(worker: Worker) -> None:
    """Tell it to end now."""
    worker.tell(signal.SIGQUIT)


def tell_twice(worker: Worker) -> None:
    """Tell it to end, and once more a moment later."""
    worker.tell(signal.SIGTERM)
    time.sleep(ECHO_SECONDS + 0.1)
    worker.tell(signal.SIGINT)


@pytest.mark.parametrize("way", [quit_worker, tell_twice])
def test_what_runs_is_given_back_and_cut_off(scene: Scene, way) -> None:
    worker = scene.ready_worker(2)
    plain = scene.send("slow", 1, 1.0)
    asynchronous = [scene.send("slow_async", number, 1.0) for number in (2, 3)]
    scene.ledger.wait_for_starts(3)
    with watch(*worker.children) as ends:
        way(worker)
        assert worker.wait(3) == 1
        wait_gone(ends, 0.5)
    assert scene.leases() == set()
    assert scene.waiting() == 3
    assert scene.ledger.ends() == []
    scene.ready_worker(2)
    assert [result.get(timeout=10) for result in (plain, *asynchronous)] == [1, 2, 3]
    again = scene.ledger.starts()[3:]
    assert [record.extra for record in again] == [0, 0, 0], "a cold stop is nobody's crash"


def test_what_runs_here_has_stopped_before_it_begins_elsewhere(scene: Scene) -> None:
    worker = scene.ready_worker(1)
    # Long enough for another worker to start meanwhile, on a busy machine too.
    result = scene.send("tick", 1, 6.0)
    scene.ledger.wait_for_ends(20)
    other = scene.ready_worker(1)
    quit_worker(worker)
    worker.wait(10)
    assert result.get(timeout=30) == 1
    ticks = scene.ledger.ends()
    last_here = max(record.when for record in ticks if record.worker == worker.number)
    first_there = min(record.when for record in scene.ledger.starts() if record.worker == other.number)
    assert last_here < first_there


def test_nothing_runs_and_nothing_is_abandoned(any_scene: Scene) -> None:
    worker = any_scene.ready_worker(1)
    quit_worker(worker)
    assert worker.wait(3) == 0


def test_a_task_that_may_run_once_fails_and_can_be_replayed(scene: Scene) -> None:
    worker = scene.ready_worker(1)
    result = scene.send("once", 1, 30.0)
    unbegun = scene.send("once", 2, 0.0)
    scene.ledger.wait_for_starts(1, 1)
    quit_worker(worker)
    assert worker.wait(3) == 1
    with pytest.raises(WorkerLostError, match="worker stopped"):
        result.get(timeout=10)
    (letter,) = scene.app.store.run(c.DeadLetters())
    assert letter.id == result.id
    scene.ready_worker(1)
    assert unbegun.get(timeout=10) == 2
    assert len(scene.ledger.starts(1)) == 1


@pytest.mark.parametrize("source", ["environment", "setting"])
def test_a_warm_stop_turns_cold_when_the_grace_is_over(any_scene: Scene, source: str) -> None:
    setting = {"worker_grace": 0.5 if source == "setting" else 60.0}
    environment = {"TEST_SETTINGS": json.dumps(setting)}
    if source == "environment":
        environment["CELERIAC_GRACE"] = "0.5"
    worker = any_scene.ready_worker(2, environment=environment)
    short, long = any_scene.send("slow", 1, 0.2), any_scene.send("slow", 2, 5.0)
    any_scene.ledger.wait_for_starts(2)
    told = time.monotonic()
    worker.tell(signal.SIGTERM)
    assert worker.wait(5) == 1
    assert 0.5 < time.monotonic() - told < 3
    assert short.get(timeout=1) == 1
    assert any_scene.waiting() == 1
    assert not long.ready()


def test_a_soft_shutdown_leaves_time_before_it_is_cold(any_scene: Scene) -> None:
    worker = any_scene.ready_worker(2, environment={"TEST_SETTINGS": '{"worker_soft_shutdown_timeout": 1.0}'})
    short = any_scene.send("slow", 1, 0.4)
    any_scene.send("slow", 2, 30.0)
    any_scene.ledger.wait_for_starts(2)
    quit_worker(worker)
    assert worker.wait(5) == 1
    assert short.get(timeout=1) == 1
    assert any_scene.waiting() == 1


def test_a_grace_that_is_no_number_is_refused(any_scene: Scene) -> None:
    worker = any_scene.worker("-c", "1", environment={"CELERIAC_GRACE": "soon"})
    assert worker.wait() == 1
    assert worker.said("soon")


def test_sigterm_is_cold_where_celery_is_told_so(any_scene: Scene) -> None:
    worker = any_scene.ready_worker(1, environment={"REMAP_SIGTERM": "SIGQUIT"})
    any_scene.send("slow", 1, 30.0)
    any_scene.ledger.wait_for_starts(1)
    worker.tell(signal.SIGTERM)
    assert worker.wait(3) == 1
    assert any_scene.waiting() == 1


def test_a_third_signal_ends_even_a_core_that_does_not_move(any_scene: Scene) -> None:
    worker = any_scene.ready_worker(1)
    result = any_scene.send("slow", 1, 1.0)
    any_scene.ledger.wait_for_starts(1)
    freeze(worker.core)
    with watch(worker.core, worker.zygote, *worker.children) as ends:
        tell_twice(worker)
        time.sleep(ECHO_SECONDS + 0.1)
        worker.tell(signal.SIGTERM)
        assert worker.wait(1) == 1
        wait_gone(ends, 0.5)
    any_scene.ready_worker(1)
    assert result.get(timeout=20) == 1


def test_without_its_store_it_ends_as_well(redis_server: RedisServer, tmp_path: Path) -> None:
    with Scene(redis_server.url, tmp_path) as scene:
        worker = scene.ready_worker(1)
        result = scene.send("slow", 1, 1.0)
        scene.ledger.wait_for_starts(1)
        redis_server.freeze()
        quit_worker(worker)
        assert worker.wait(5) == 1
        assert worker.said("did not answer a cold stop")
        redis_server.thaw()
        scene.ready_worker(1)
        assert result.get(timeout=20) == 1


def test_a_kill_after_the_grace_loses_nothing(scene: Scene) -> None:
    """What a container does with a worker that has not ended in time."""
    gate = scene.new_gate()
    worker = scene.ready_worker(2)
    stuck = scene.send("gate", 0, str(gate))
    results = scene.send_many("slow", [(number, 0.002) for number in range(1, 300)])
    scene.ledger.wait_for_starts(50)
    worker.tell(signal.SIGTERM)
    wait_until(lambda: scene.claimed() == 1, 2, "end of all but one")
    worker.tell_all(signal.SIGKILL)
    worker.wait()
    scene.ready_worker(2)
    assert [result.get(timeout=20) for result in results] == list(range(1, 300))
    scene.ledger.wait_for_starts(2, 0)
    open_gate(gate)
    assert stuck.get(timeout=10) == 0
    again = {record.task for record in scene.ledger.starts() if len(scene.ledger.starts(record.task)) > 1}
    assert again == {0}
