"""A worker that could work and does not notices, says what it sees, and begins from nothing (promise G12)."""

from __future__ import annotations

import asyncio
import time

import pytest

from celeriac import Celeriac
from celeriac.stores import contract as c
from celeriac.worker.core.stall_watch import Progress
from celeriac.worker.processes.inprocess import InProcessWorker


class DeafSession:
    """A session that asks for no message and hears of none; everything else works, heartbeats included."""

    def __init__(self, session):
        self._session = session

    def __getattr__(self, name):
        return getattr(self._session, name)

    async def call(self, request):
        if isinstance(request, c.Finish):
            request = c.Finish(request.lease, request.outcomes, request.queues, 0, request.max_bytes, request.first)
        return await self._session.call(request)

    async def wait(self, queues, count):
        await asyncio.Event().wait()


@pytest.fixture(params=["memory", "sqlite", "redis"])
def app(request, tmp_path):
    urls = {"memory": lambda: "memory://", "sqlite": lambda: f"sqlite:///{tmp_path}/tasks.db"}
    broker = urls[request.param]() if request.param in urls else request.getfixturevalue("redis_url")
    with Celeriac("tests", broker=broker, worker_stall_timeout=0.7) as app:
        yield app


def deafen(app: Celeriac, monkeypatch: pytest.MonkeyPatch, sessions: int) -> None:
    """Let the first sessions of a worker bring nothing."""
    connect, left = app.store.connect, [sessions]

    async def connect_deaf(lease, first=1):
        session = await connect(lease, first)
        if not left[0]:
            return session
        left[0] -= 1
        return DeafSession(session)

    monkeypatch.setattr(app.store, "connect", connect_deaf)


def test_a_session_that_brings_nothing_is_built_anew(app, caplog, monkeypatch):
    deafen(app, monkeypatch, 1)

    @app.task
    def answer():
        return 42

    with InProcessWorker(app) as worker:
        sent = time.monotonic()
        assert answer.delay().get(timeout=10) == 42
        assert 0.3 < time.monotonic() - sent < 1.5
        assert worker.stats.stalls == 1
    (line,) = [record.getMessage() for record in caplog.records if "waiting" in record.getMessage()]
    assert line.startswith("1 messages have been waiting for 0.")
    assert "more could be taken, and nothing came; the last claim was answered" in line
    assert "with 0 messages" in line


def test_it_goes_on_for_as_long_as_it_takes(monkeypatch):
    app = Celeriac("tests", broker="memory://", worker_stall_timeout=0.3)

    @app.task
    def answer():
        return 42

    with app:
        deafen(app, monkeypatch, 3)
        with InProcessWorker(app) as worker:
            assert answer.delay().get(timeout=10) == 42
            assert worker.stats.stalls == 3


def test_an_idle_worker_and_a_busy_one_are_left_alone():
    app = Celeriac("tests", broker="memory://", worker_stall_timeout=0.2)

    @app.task
    def wait():
        time.sleep(0.6)

    with app, InProcessWorker(app) as worker:
        results = [wait.delay() for _ in range(3)]
        for result in results:
            result.get(timeout=10)
        time.sleep(0.4)
        assert worker.stats.stalls == 0


def looks(*waiting: int) -> list[float | None]:
    """What each look says, a second apart."""
    progress = Progress(3.5)
    return [progress.look(float(number), count) for number, count in enumerate(waiting)]


def test_three_looks_in_a_row_decide():
    assert looks(5, 5, 5) == [None, None, 0.0]
    assert looks(5, 5, 0, 5, 5, 5) == [None, None, None, None, None, 3.0]
    assert looks(0, 0, 0, 0) == [None] * 4
    assert Progress(10).pause * 3 < 10


def test_any_claim_is_progress():
    progress = Progress(1.0)
    assert progress.resumed(0)
    assert not progress.resumed(0)
    assert progress.resumed(1)
    assert not progress.resumed(1)
