"""Redis at its maxmemory, with nothing that it may drop: producers are told, workers make room."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from celeriac import Celeriac
from celeriac.exceptions import StoreFull
from celeriac.stores import contract as c
from celeriac.stores.redis import RedisStore
from tests.worker.process import Worker
from tools.servers.redis import RedisServer

LEASE, PEER = c.Lease("w", "e"), c.Lease("peer", "p")
RECORD = c.WorkerRecord(queues=("q",))
HOUR = 3_600_000

APP = """
import os
from celeriac import Celeriac

app = Celeriac("full", broker=os.environ["TEST_BROKER"])


@app.task(name="note")
def note(number, padding):
    with open(os.environ["TEST_LEDGER"], "a") as ledger:
        ledger.write(f"{number}\\n")
"""


@pytest.fixture
def store(redis_server: RedisServer) -> Iterator[RedisStore]:
    with contextlib.closing(RedisStore(redis_server.url)) as store:
        yield store


def fill(server: RedisServer) -> None:
    """From now on every command that takes memory is refused."""
    with redis.Redis(port=server.port) as admin:
        admin.config_set("maxmemory-policy", "noeviction")
        admin.config_set("maxmemory", 1)


def empty(server: RedisServer) -> None:
    with redis.Redis(port=server.port) as admin:
        admin.config_set("maxmemory", 0)


def test_a_producer_is_told_and_nothing_is_in(store: RedisStore, redis_server: RedisServer):
    fill(redis_server)
    now, later = c.Message("now", "q", b"now", 3), c.Message("later", "q", b"later", delay=HOUR)
    requests = (
        *(c.Enqueue(messages) for messages in ((now,), (later,), (now, later))),
        c.Share("key", "now", now, b"pending", 60),
        c.SaveGroup("group", b"document"),
    )
    for request in requests:
        with pytest.raises(StoreFull, match="maxmemory"):
            store.run(request)
        begun = time.monotonic()
        with pytest.raises(StoreFull, match="maxmemory"):
            asyncio.run(store.arun(request))
        assert time.monotonic() - begun < 1.5
    with redis.Redis(port=redis_server.port) as admin:
        assert admin.keys("*") == []
    empty(redis_server)
    assert store.run(c.Enqueue((now, later))) == c.Enqueued((True, True))


def test_all_that_workers_ask_is_done(store: RedisStore, redis_server: RedisServer):
    store.run(c.OpenLease(PEER, RECORD))
    store.run(c.Enqueue(tuple(c.Message(f"m{number}", "q", b"%d" % number) for number in range(8))))
    store.run(c.Enqueue((c.Message("due", "q", b"due", 6, 1),)))
    store.run(c.Finish(PEER, queues=("q",), count=2, first=1))
    fill(redis_server)
    store.run(c.OpenLease(LEASE, RECORD))
    answer = store.run(c.Heartbeat(LEASE, c.WorkerCounters(3, {"q": 1})))
    (peer,) = (peer for peer in answer.peers if peer.worker == "peer")
    assert store.run(c.Promote(9)).count == 1
    reaped = store.run(c.Reap(LEASE, peer, 1)).claims
    assert [claim.raw for claim in reaped] == [b"0", b"1"]
    claims = reaped + store.run(c.Finish(LEASE, queues=("q",), count=4, first=10)).claims
    assert len(claims) == 6
    begins = tuple(c.StartItem(claim.id, f"t{claim.id}", b"started", once=True) for claim in claims)
    assert store.run(c.Start(LEASE, begins)) == c.LostClaims()
    assert store.run(c.Release(LEASE, (c.Return(claims[0].id),))) == c.LostClaims()
    assert store.run(c.Defer(LEASE, (c.Deferral(claims[1].id, "deferred", 1 << 50),))) == c.LostClaims()
    outcomes = (
        c.Outcome(claims[2].id, "t1", b"done", (c.Message("next", "q", b"next"), c.Message("l", "q", b"l", 0, HOUR))),
        c.Outcome(claims[3].id, "t2", b"done", slot=c.Slot("chord", 0, 1, b"value")),
        c.Outcome(claims[4].id, "t3", b"done", dead=c.DeadLetter("m", "q", b"m", "reason")),
    )
    finished = store.run(c.Finish(LEASE, outcomes, first=20))
    assert finished.lost == ()
    assert [claim.queue for claim in finished.claims] == [c.ADVANCE_QUEUE]
    assert store.run(c.ReadResults(("t1", "t2", "t3"))) == (b"done",) * 3
    store.run(c.Revoke((c.Revocation("m7", b"revoked"),)))
    store.run(c.Pause(("q",)))
    assert len(store.run(c.Replay((c.ReplayItem("m", b"m", "q"),)))) == 1
    store.run(c.CloseLease(LEASE))
    # Eight and one delayed came, three have ended; two followed, and one letter came back.
    (stats,) = store.run(c.Stats(("q",)))
    assert (stats.ready, stats.delayed, stats.claimed, stats.dead) == (9 - 3 - 1 + 1 + 1, 2, 0, 0)


def test_an_idle_worker_of_a_full_server_is_idle(store: RedisStore, redis_server: RedisServer):
    """Waiting takes memory, too: it is refused at once, and must not be asked for again at once."""

    async def wait_for_a_second() -> int:
        session = await store.connect(LEASE)
        try:
            await session.call(c.OpenLease(LEASE, RECORD))
            fill(redis_server)
            rounds, ends = 0, time.monotonic() + 1
            while time.monotonic() < ends:
                await session.wait(("q",), 1)
                rounds += 1
        finally:
            await session.close()
        return rounds

    assert asyncio.run(wait_for_a_second()) < 20


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_workers_drain_a_full_server_and_the_producer_goes_on(tmp_path: Path, redis_server: RedisServer):
    (tmp_path / "full.py").write_text(APP)
    ledger = tmp_path / "ledger"
    with redis.Redis(port=redis_server.port) as admin:
        used = int(admin.info("memory")["used_memory"])
        admin.config_set("maxmemory-policy", "noeviction")
        admin.config_set("maxmemory", used + 4_000_000)
    sent: list[int] = []
    with Celeriac("client", broker=redis_server.url, task_ignore_result=True) as app:

        def send() -> None:
            app.send_task("note", (len(sent), "x" * 2000))
            sent.append(len(sent))

        with contextlib.suppress(StoreFull):
            while len(sent) < 10_000:
                send()
        with pytest.raises(StoreFull):
            send()
        assert len(sent) > 100
        with redis.Redis(port=redis_server.port) as admin:
            assert admin.llen("celery") == len(sent)
        environment = {**os.environ, "TEST_BROKER": redis_server.url, "TEST_LEDGER": str(ledger)}
        worker = Worker(["-c", "1"], tmp_path / "log", environment=environment, app="full")
        try:
            deadline = time.monotonic() + 120
            goal = len(sent) + 500
            while len(sent) < goal:
                assert time.monotonic() < deadline, worker.log.read_text()[-3000:]
                try:
                    send()
                except StoreFull:
                    time.sleep(0.05)
            while not ledger.exists() or len(ledger.read_text().split()) < len(sent):
                assert time.monotonic() < deadline, worker.log.read_text()[-3000:]
                time.sleep(0.05)
            assert worker.stop() == 0
        finally:
            worker.end()
    assert sorted(map(int, ledger.read_text().split())) == sent
    assert "lost the store" not in worker.log.read_text()
