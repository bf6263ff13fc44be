"""A soft limit that lands inside our own code ends its task, and nothing else: real workers, on both stores."""

from __future__ import annotations

import time

import pytest

from celeriac.result import gather
from celeriac.stores import contract as c
from celeriac.stores.sqlite import SQLiteStore
from tests.worker.scene import Scene

pytestmark = pytest.mark.timeout(120)

ACTS = ("sends", "gets", "says", "logs", "logs_elsewhere", "imports")
POOLS = ("prefork", "threads")


def run(scene: Scene, pool: str, acts: tuple[str, ...], many: int) -> None:
    """Every task ends by its limit, as it means to; another process writes meanwhile; SIGTERM is obeyed."""
    worker = scene.ready_worker(3 if pool == "prefork" else 1, "-P", pool, "-c", "3", app="tests.worker.busy_tasks")
    results = [scene.send("busy", act, number) for act in acts for number in range(many)]
    assert gather(results, timeout=90) == [number for _ in acts for number in range(many)]
    started = time.monotonic()
    scene.app.store.run(c.Enqueue((c.Message("beside", "nobody", b"x"),)), deadline=5)
    assert time.monotonic() - started < 5
    # What nobody has caught as the limit's would be in the log: printed by a handler, or ended the task.
    assert "SoftTimeLimitExceeded" not in worker.log.read_text()
    assert worker.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("pool", POOLS)
def test_on_sqlite(tmp_path, pool):
    """Before, the third or so of tasks that send left the file locked for everybody, and the worker deaf to SIGTERM."""
    with Scene(f"sqlite:///{tmp_path}/tasks.db", tmp_path) as scene:
        run(scene, pool, ("sends", "gets", "says"), 9)
    beside = SQLiteStore(tmp_path / "tasks.db")
    beside.run(c.Enqueue((c.Message("last", "nobody", b"x"),)), deadline=1)
    beside.close()


@pytest.mark.slow
@pytest.mark.parametrize("pool", POOLS)
def test_on_redis(redis_url, tmp_path, pool):
    """Before, the first import in a call deadlocked a child with threads, and limits were lost in log handlers."""
    with Scene(redis_url, tmp_path) as scene:
        run(scene, pool, ACTS, 5)


@pytest.mark.chaos
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("store", ["sqlite", "redis"])
@pytest.mark.timeout(900)
def test_for_long(request, tmp_path, pool, store):
    """Hundreds of limits in each of them."""
    url = f"sqlite:///{tmp_path}/tasks.db" if store == "sqlite" else request.getfixturevalue("redis_url")
    with Scene(url, tmp_path) as scene:
        run(scene, pool, ACTS, 150)
