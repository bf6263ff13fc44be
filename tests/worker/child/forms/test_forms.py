"""Each form of pool, as real workers: what runs where, how it is ended, and that its neighbours are not."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from celeriac.calls.sender import Call
from celeriac.exceptions import SoftTimeLimitExceeded, TaskRevokedError, TimeLimitExceeded
from celeriac.message import document
from celeriac.result import gather
from celeriac.stores import contract as c
from tests.worker.ledger import wait_until
from tests.worker.process import Worker
from tests.worker.scene import Scene

APP = "tests.worker.child.forms.limited_tasks"
KINDS = ["prefork", "threads", "asyncio", "gevent", "solo"]

pytestmark = pytest.mark.slow

Stage = tuple[Scene, Worker, str]


@pytest.fixture(scope="module", params=KINDS)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A worker of each kind, with room for four tasks side by side."""
    if request.param == "gevent":
        pytest.importorskip("gevent")
    folder = tmp_path_factory.mktemp(request.param)
    with Scene(f"sqlite:///{folder / 'tasks.db'}", folder) as scene:
        yield scene, scene.worker("-P", request.param, "-c", "4", app=APP), request.param


def test_plain_tasks_and_coroutines_run(stage: Stage) -> None:
    scene, worker, kind = stage
    pid, _, patched = scene.send("place").get(timeout=20)
    assert (pid == worker.launcher) == (kind == "solo")
    assert patched == (kind == "gevent")
    assert scene.send("aplace").get(timeout=20)[0] in (pid, *worker.children)
    assert gather([scene.send("quick", number) for number in range(200)], timeout=20) == list(range(200))


@pytest.mark.parametrize("prefix", ["", "a"])
def test_a_soft_limit_ends_a_task_or_is_caught_by_it(stage: Stage, prefix: str) -> None:
    scene, _, _ = stage
    beside = scene.send(f"{prefix}nap", 0.5)
    ended, caught = (scene.send(f"{prefix}{name}", 30, soft_time_limit=0.2) for name in ("nap", "careful"))
    with pytest.raises(SoftTimeLimitExceeded):
        ended.get(timeout=20)
    assert caught.get(timeout=20) == "cleaned up"
    assert beside.get(timeout=20) == 0.5


@pytest.mark.parametrize("prefix", ["", "a"])
def test_the_hard_limit_ends_it(stage: Stage, prefix: str) -> None:
    scene, _, _ = stage
    beside = scene.send(f"{prefix}nap", 0.5)
    with pytest.raises(TimeLimitExceeded, match=r"0\.2"):
        scene.send(f"{prefix}nap", 30, time_limit=0.2).get(timeout=20)
    assert beside.get(timeout=20) == 0.5
    assert scene.send("quick", 1).get(timeout=20) == 1


@pytest.mark.parametrize("prefix", ["", "a"])
def test_cancelled_while_it_runs(stage: Stage, prefix: str) -> None:
    scene, _, _ = stage
    running, beside = scene.send(f"{prefix}nap", 30), scene.send(f"{prefix}anap".replace("aa", "a"), 0.5)
    ended = document.write(running.id, "REVOKED", b'{"exc_type":"TaskRevokedError","exc_message":["terminated"]}', 0)
    time.sleep(0.2)
    scene.app.store.run(c.Revoke((c.Revocation(running.id, ended, terminate=True),)))
    with pytest.raises(TaskRevokedError):
        running.get(timeout=20)
    assert beside.get(timeout=20) == 0.5


def test_limits_of_the_length_of_the_tasks_hit_no_other(stage: Stage) -> None:
    scene, _, kind = stage
    naps = Call(task="anap" if kind == "asyncio" else "nap", args=(0.005,), soft_time_limit=0.006)
    calls = [call for number in range(300) for call in (naps, Call(task="quick", args=(number,)))]
    results = [scene.app.AsyncResult(id) for id in scene.app.sender.send(calls)]
    assert gather(results[1::2], timeout=30) == list(range(300))
    ended = [result.get(timeout=30, propagate=False) for result in results[::2]]
    assert {type(value) for value in ended} <= {float, SoftTimeLimitExceeded}


def test_a_copy_that_user_code_forks_says_nothing(stage: Stage) -> None:
    scene, _, _ = stage
    assert gather([scene.send("fork") for _ in range(10)], timeout=20) == ["parent"] * 10
    assert gather([scene.send("quick", number) for number in range(100)], timeout=20) == list(range(100))


@pytest.mark.parametrize("kind", ["prefork", "threads", "asyncio", "gevent"])
def test_a_child_that_has_grown_is_replaced(tmp_path, kind: str) -> None:
    if kind == "gevent":
        pytest.importorskip("gevent")
    with Scene(f"sqlite:///{tmp_path / 'tasks.db'}", tmp_path) as scene:
        scene.worker("-P", kind, "-c", "1", "--max-memory-per-child", "150000", app=APP)
        first = scene.send("grow", 1).get(timeout=20)
        assert scene.send("grow", 1).get(timeout=20) == first
        assert scene.send("grow", 200).get(timeout=20) == first
        wait_until(lambda: scene.send("place").get(timeout=20)[0] != first, 20, "another child")
        assert gather([scene.send("quick", number) for number in range(50)], timeout=20) == list(range(50))


def test_alone_with_a_task_that_does_not_obey_the_worker_ends(tmp_path) -> None:
    with Scene(f"sqlite:///{tmp_path / 'tasks.db'}", tmp_path) as scene:
        worker = scene.worker("-P", "solo", app=APP)
        assert scene.send("quick", 1).get(timeout=20) == 1
        with pytest.raises(TimeLimitExceeded):
            scene.send("deaf", 60, time_limit=0.2).get(timeout=20)
        assert worker.wait(20) == 1


def test_what_is_not_installed_is_said_at_start(tmp_path) -> None:
    (tmp_path / "gevent.py").write_text("raise ImportError('not here')")
    with Scene(f"sqlite:///{tmp_path / 'tasks.db'}", tmp_path) as scene:
        path = os.pathsep.join([str(tmp_path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
        worker = scene.worker("-P", "gevent", app=APP, environment={"PYTHONPATH": path})
        assert worker.wait(20) == 2
        assert worker.said("pip install 'celeriac[gevent]'")


def test_settings_complete_the_command_line(tmp_path) -> None:
    settings = """{"worker_pool": "threads", "worker_concurrency": 3, "task_soft_time_limit": 0.2,
        "worker_pools": [{"name": "side", "kind": "asyncio", "queues": ["side"], "soft_time_limit": 30}]}"""
    with Scene(f"sqlite:///{tmp_path / 'tasks.db'}", tmp_path) as scene:
        scene.worker(app=APP, environment={"TEST_SETTINGS": settings})
        places = gather([scene.send("place") for _ in range(5)], timeout=20)
        beside = scene.send("place", queue="side").get(timeout=20)
        assert len({pid for pid, _, _ in places} | {beside[0]}) == 2
        with pytest.raises(SoftTimeLimitExceeded):
            scene.send("nap", 30).get(timeout=20)
        assert scene.send("nap", 0.4, queue="side").get(timeout=20) == 0.4


def test_spawned_children_are_fresh_interpreters_and_replaced_when_they_die(tmp_path) -> None:
    with Scene(f"sqlite:///{tmp_path / 'tasks.db'}", tmp_path) as scene:
        scene.worker("-c", "2", "--start-method", "spawn", app=APP)
        first = scene.send("place").get(timeout=30)[0]
        assert b"celeriac.worker.processes.spawned" in Path(f"/proc/{first}/cmdline").read_bytes()
        os.kill(first, signal.SIGKILL)
        assert gather([scene.send("quick", number) for number in range(200)], timeout=30) == list(range(200))
        wait_until(lambda: first not in scene.workers[0].children, 20, "the end of the child")
        assert scene.send("nap", 0.01).get(timeout=20) == 0.01


@pytest.mark.parametrize("kind", ["threads", "gevent", "solo"])
def test_a_cold_stop_gives_back_what_runs(tmp_path, kind: str) -> None:
    if kind == "gevent":
        pytest.importorskip("gevent")
    with Scene(f"sqlite:///{tmp_path / 'tasks.db'}", tmp_path) as scene:
        worker = scene.worker("-P", kind, app=APP)
        assert scene.send("quick", 1).get(timeout=20) == 1
        scene.send("tell_and_nap", str(tmp_path / "begun"), 30)
        wait_until((tmp_path / "begun").exists, 20, "begin of the task")
        worker.tell(signal.SIGQUIT)
        assert worker.wait(20) == 1
        assert scene.waiting() == 1
