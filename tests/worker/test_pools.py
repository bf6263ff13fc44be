"""Every pool under every fault: what becomes of the task, and what of its neighbours."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from celeriac.exceptions import SoftTimeLimitExceeded, TaskRevokedError, TimeLimitExceeded
from celeriac.result import AsyncResult, gather
from tests.worker.ledger import wait_until
from tests.worker.process import Worker
from tests.worker.scene import Scene

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

POOLS = ("prefork", "threads", "asyncio", "gevent", "solo")
SHARED = ("threads", "asyncio", "gevent")
"""Where tasks run side by side in one process."""
WIDTH = 4
NEIGHBOURS = (101, 102)
LONG = 1.5


class Play:
    """One pool, one task under test and its neighbours, which take a while beside it."""

    def __init__(self, scene: Scene, pool: str) -> None:
        self.scene = scene
        self.pool = pool
        self.width = 1 if pool == "solo" else WIDTH

    def worker(self, *arguments: str) -> Worker:
        """A worker with this pool."""
        size = () if self.pool == "solo" else ("-c", str(WIDTH))
        worker = self.scene.worker("-P", self.pool, *size, *arguments, app="tests.worker.pool_tasks")
        name = f"w{worker.number}@here/"
        wait_until(lambda: any(lease.startswith(name) for lease in self.scene.leases()), 20, "lease of the worker")
        return worker

    def send(self, task: str, *arguments: Any) -> AsyncResult[Any]:
        """Enqueue the kind of task that this pool is for."""
        return self.scene.send(f"a{task}" if self.pool == "asyncio" else task, *arguments)

    def beside(self, task: str, *arguments: Any) -> tuple[AsyncResult[Any], list[AsyncResult[Any]]]:
        """Enqueue a task and neighbours; those of solo run behind it. Returns when all that can have begun."""
        result = self.send(task, 1, *arguments)
        neighbours = [self.send("nap", number, LONG) for number in NEIGHBOURS]
        self.scene.ledger.wait_for_starts(min(self.width, 3), seconds=20)
        return result, neighbours

    def undisturbed(self, neighbours: list[AsyncResult[Any]]) -> None:
        """The neighbours ended well, having begun once."""
        assert gather(neighbours, timeout=20) == list(NEIGHBOURS)
        for number in NEIGHBOURS:
            (record,) = self.scene.ledger.starts(number)
            assert record.extra == 0

    def well(self) -> None:
        """Whoever serves now does all that it can do."""
        again = [self.send("where", number) for number in range(200, 210)]
        assert len(gather(again, timeout=20)) == 10


@pytest.fixture(params=POOLS)
def play(request: pytest.FixtureRequest, redis_url: str, tmp_path: Path) -> Iterator[Play]:
    if request.param == "gevent":
        pytest.importorskip("gevent")
    with Scene(redis_url, tmp_path) as scene:
        yield Play(scene, request.param)


def test_soft_limit(play: Play) -> None:
    play.worker()
    result, neighbours = play.beside("linger")
    with pytest.raises(SoftTimeLimitExceeded):
        result.get(timeout=20)
    play.undisturbed(neighbours)
    assert len(play.scene.ledger.starts(1)) == 1
    play.well()


def test_hard_limit(play: Play) -> None:
    play.worker()
    result, neighbours = play.beside("overrun")
    with pytest.raises(TimeLimitExceeded):
        result.get(timeout=20)
    play.undisturbed(neighbours)
    assert len(play.scene.ledger.starts(1)) == 1
    play.well()


def test_hard_limit_of_a_task_that_does_not_hear(play: Play) -> None:
    worker = play.worker()
    result, neighbours = play.beside("deaf")
    with pytest.raises(TimeLimitExceeded):
        result.get(timeout=3)
    if play.pool == "solo":
        assert worker.wait() == 1, "nobody can end the task but with the process"
        play.worker()
    play.undisturbed(neighbours)
    assert len(play.scene.ledger.starts(1)) == 1
    play.well()
    assert play.scene.ledger.ends(1) == [], "its process was ended"


def refused(play: Play, *arguments: str) -> bool:
    """Whether the worker says at once that it has no child that it could replace."""
    if play.pool != "solo":
        return False
    worker = play.scene.worker("-P", "solo", *arguments)
    assert worker.wait() == 2
    assert worker.said("no child that could be replaced")
    return True


def test_recycling(play: Play) -> None:
    if refused(play, "--max-tasks-per-child", "3"):
        return
    play.worker("--max-tasks-per-child", "3")
    neighbours = [play.send("nap", number, LONG) for number in NEIGHBOURS]
    results = [play.send("where", number) for number in range(1, 31)]
    ran = Counter(gather(results, timeout=30))
    play.undisturbed(neighbours)
    for number in NEIGHBOURS:
        ran[play.scene.ledger.starts(number)[0].pid] += 1
    assert sum(ran.values()) == 32
    assert max(ran.values()) <= 3
    assert all(len(play.scene.ledger.starts(number)) == 1 for number in range(1, 31))


def test_memory_cap(play: Play) -> None:
    if refused(play, "--max-memory-per-child", "1000"):
        return
    play.worker("--max-memory-per-child", str(150 << 10))
    result, neighbours = play.beside("grow", 160)
    grown = result.get(timeout=20)
    play.undisturbed(neighbours)
    after = gather([play.send("where", number) for number in range(200, 220)], timeout=20)
    assert grown not in after
    assert len(play.scene.ledger.starts(1)) == 1


def test_cancel(play: Play) -> None:
    play.worker()
    result, neighbours = play.beside("stay")
    result.revoke(terminate=True)
    with pytest.raises(TaskRevokedError, match=r"terminated|revoked"):
        result.get(timeout=5)
    assert result.state == "REVOKED"
    play.undisturbed(neighbours)
    assert len(play.scene.ledger.starts(1)) == 1
    play.well()


def test_crash(play: Play) -> None:
    """Who shares the process runs again with the one that killed it; nobody is set aside for it."""
    worker = play.worker()
    neighbours = [play.send("nap", number, LONG) for number in NEIGHBOURS]
    play.scene.ledger.wait_for_starts(min(play.width, 2))
    result = play.send("fall", 1)
    if play.pool == "solo":
        assert worker.wait() != 0
        play.worker()
    assert result.get(timeout=20) == 1
    assert gather(neighbours, timeout=20) == list(NEIGHBOURS)
    begun = [len(play.scene.ledger.starts(number)) for number in NEIGHBOURS]
    assert begun == ([2, 2] if play.pool in SHARED else [1, 1])
    assert len(play.scene.ledger.starts(1)) == 2
    play.well()


def test_take_back(play: Play) -> None:
    """What waits behind long tasks runs elsewhere as soon as there is somebody."""
    play.worker()
    long = [play.send("nap", number, 4.0) for number in range(1, play.width + 1)]
    play.scene.ledger.wait_for_starts(play.width)
    short = [play.send("where", number) for number in range(100, 120)]
    play.worker()
    assert len(gather(short, timeout=3)) == 20
    assert not play.scene.ledger.ends(*range(1, play.width + 1)), "the long ones were still running"
    assert gather(long, timeout=20) == list(range(1, play.width + 1))
    assert len(play.scene.ledger.starts()) == play.width + 20


def test_shutdown(play: Play) -> None:
    """What runs ends, what has not begun returns, and the exit code says that all is well."""
    worker = play.worker()
    running = [play.send("nap", number, LONG) for number in range(1, play.width + 1)]
    play.scene.ledger.wait_for_starts(play.width)
    waiting = [play.send("nap", number, 0.0) for number in range(100, 120)]
    worker.tell(signal.SIGTERM)
    assert worker.wait() == 0
    assert gather(running, timeout=1) == list(range(1, play.width + 1))
    assert play.scene.waiting() == len(waiting)
    assert len(play.scene.ledger.starts()) == play.width


def test_a_cold_stop(play: Play) -> None:
    """What runs is cut off and back in its queue, uncharged; the exit code says so."""
    worker = play.worker()
    running = [play.send("nap", number, LONG) for number in range(1, play.width + 1)]
    play.scene.ledger.wait_for_starts(play.width)
    worker.tell(signal.SIGQUIT)
    assert worker.wait(5) == 1
    assert play.scene.waiting() == play.width
    assert play.scene.leases() == set()
    play.worker()
    assert gather(running, timeout=20) == list(range(1, play.width + 1))
    assert {record.extra for record in play.scene.ledger.starts()} == {0}
