"""Keys of Redis that hold what another program put there, users without channels, and ids that are forgotten."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator

import pytest
import redis

from celeriac.exceptions import OperationalError
from celeriac.stores import contract as c
from celeriac.stores.redis import RedisStore
from tools.servers.redis import RedisServer

LEASE = c.Lease("w", "e")


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    with contextlib.closing(RedisStore(redis_url)) as store:
        store.run(c.OpenLease(LEASE, c.WorkerRecord(queues=("orders", "sessions"))))
        yield store


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    """The same database, as another program sees it."""
    with contextlib.closing(redis.Redis.from_url(redis_url)) as server:
        yield server


def test_what_cannot_be_enqueued_is_refused_by_name_and_not_remembered(store: RedisStore, server: redis.Redis):
    server.set("sessions", "of another program")
    good, bad = c.Message("good", "orders", b"good"), c.Message("bad", "sessions", b"bad")
    for messages in ((bad,), (good, bad)):
        with pytest.raises(OperationalError, match="no list: sessions"):
            store.run(c.Enqueue(messages))
        with pytest.raises(OperationalError, match="no list: sessions"):
            asyncio.run(store.arun(c.Enqueue(messages)))
    assert server.llen("orders") == 0
    server.delete("sessions")
    assert store.run(c.Enqueue((good, bad))) == c.Enqueued((True, True))
    assert (server.llen("orders"), server.llen("sessions")) == (1, 1)


def test_a_queue_that_is_no_list_holds_up_no_other(store: RedisStore, server: redis.Redis):
    store.run(c.Enqueue(tuple(c.Message(f"m{number}", "orders", b"%d" % number) for number in range(3))))
    server.set("sessions", "of another program")
    both = ("orders", "sessions")
    claims = store.run(c.Finish(LEASE, queues=both, count=8, first=1)).claims
    assert [claim.raw for claim in claims] == [b"0", b"1", b"2"]
    assert store.run(c.Finish(LEASE, queues=both[::-1], count=8, first=9)).claims == ()
    assert [row.ready for row in store.run(c.Stats(both))] == [0, 0]
    server.delete("sessions")
    store.run(c.Enqueue((c.Message("later", "sessions", b"later"),)))
    (claim,) = store.run(c.Finish(LEASE, queues=both, count=8, first=17)).claims
    assert claim.raw == b"later"


def test_a_worker_that_serves_it_says_so_once_and_waits_for_the_others(
    store: RedisStore, server: redis.Redis, caplog: pytest.LogCaptureFixture
):
    server.set("sessions", "of another program")
    queues = ("orders", "sessions")

    async def wait() -> tuple[int, bytes]:
        session = await store.connect(LEASE, first=100)
        try:
            rounds, ends = 0, time.monotonic() + 1
            while time.monotonic() < ends:
                await session.wait(queues, 1)
                rounds += 1
            await store.arun(c.Enqueue((c.Message("m", "orders", b"m"),)))
            while not (handed := await session.wait(queues, 1)) or not handed.claims:
                pass
        finally:
            await session.close()
        return rounds, handed.claims[0].raw

    rounds, raw = asyncio.run(wait())
    assert (rounds < 20, raw) == (True, b"m")
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "nothing is served from the queue sessions"
    ]


def test_a_successor_that_has_no_list_is_set_aside_and_its_neighbours_stand(store: RedisStore, server: redis.Redis):
    store.run(c.Enqueue(tuple(c.Message(f"m{number}", "orders", b"%d" % number) for number in range(3))))
    claims = store.run(c.Finish(LEASE, queues=("orders",), count=3, first=1)).claims
    server.set("sessions\x06\x163", "of another program")
    bad = c.Message("next", "sessions", b'{"headers": {"task": "shop.pay", "id": "next"}}', 5)
    successors = ((), (bad, c.Message("good", "orders", b"good")), ())
    outcomes = [c.Outcome(claim.id, f"t{n}", b"done", successors[n]) for n, claim in enumerate(claims)]
    assert store.run(c.Finish(LEASE, tuple(outcomes))).lost == ()
    assert store.run(c.ReadResults(("t0", "t1", "t2"))) == (b"done",) * 3
    assert server.lrange("orders", 0, -1) == [b"good"]
    (letter,) = store.run(c.DeadLetters())
    assert (letter.id, letter.queue, letter.priority, letter.raw) == ("next", "sessions", 3, bad.raw)
    assert (letter.cause, letter.task) == (c.Cause.REFUSED, "shop.pay")
    assert "no list: sessions" in letter.reason
    revival = c.ReplayItem("next", bad.raw, "sessions", 3)
    with pytest.raises(OperationalError, match="no list: sessions"):
        store.run(c.Replay((revival,)))
    server.delete("sessions\x06\x163")
    assert store.run(c.Replay((revival,))) == ("next",)
    assert server.lrange("sessions\x06\x163", 0, -1) == [bad.raw]


def test_what_is_due_for_no_list_is_set_aside(store: RedisStore, server: redis.Redis):
    delayed = [c.Message(f"d{number}", ("orders", "sessions")[number % 2], b"%d" % number, 0, 1) for number in range(5)]
    store.run(c.Enqueue(tuple(delayed)))
    server.set("sessions", "of another program")
    ends = time.monotonic() + 10
    while store.run(c.Delayed()).messages and time.monotonic() < ends:
        store.run(c.Promote())
    assert server.lrange("orders", 0, -1) == [b"4", b"2", b"0"]
    assert sorted(letter.id for letter in store.run(c.DeadLetters())) == ["d1", "d3"]


@pytest.mark.parametrize("way", ["close", "release", "another begins"])
def test_what_a_worker_gives_back_to_no_list_is_set_aside(store: RedisStore, server: redis.Redis, way: str):
    store.run(c.Enqueue((c.Message("m1", "orders", b"good"), c.Message("m2", "sessions", b"bad"))))
    claims = store.run(c.Finish(LEASE, queues=("orders", "sessions"), count=2, first=1)).claims
    server.set("sessions", "of another program")
    if way == "close":
        store.run(c.CloseLease(LEASE))
    elif way == "release":
        assert store.run(c.Release(LEASE, tuple(c.Return(claim.id) for claim in claims))) == c.LostClaims()
    else:
        store.run(c.OpenLease(c.Lease(LEASE.worker, "e2"), c.WorkerRecord()))
    assert server.lrange("orders", 0, -1) == [b"good"]
    assert [letter.raw for letter in store.run(c.DeadLetters())] == [b"bad"]
    assert server.hlen("celeriac:claims:w") == 0


def test_a_user_without_channels_enqueues_each_message_once(redis_server: RedisServer):
    with redis.Redis(port=redis_server.port) as admin:
        admin.execute_command("ACL", "SETUSER", "app", "reset", "on", ">s3cr3t", "+@all", "~*", "resetchannels")
        messages = tuple(c.Message(f"m{number}", "q", b"x", number, 3_600_000 * (number % 2)) for number in range(10))
        with contextlib.closing(RedisStore(f"redis://app:s3cr3t@127.0.0.1:{redis_server.port}/0")) as store:
            assert store.run(c.Enqueue(messages)) == c.Enqueued((True,) * 10)
            assert store.run(c.Enqueue(messages)) == c.Enqueued((False,) * 10)
            (stats,) = store.run(c.Stats(("q",)))
        assert (stats.ready, stats.delayed) == (5, 5)


def test_ids_are_forgotten_by_themselves(store: RedisStore, server: redis.Redis):
    def enqueue(*ids: str) -> tuple[bool, ...]:
        return store.run(c.Enqueue(tuple(c.Message(id, "orders", b"x") for id in ids))).fresh

    def periods() -> int:
        """How many periods ago these sets were begun."""
        return int(server.time()[0]) // c.ENQUEUE_MEMORY_SECONDS - _period(server)

    assert enqueue("a", "b") == (True, True)
    lasts = 2 * c.ENQUEUE_MEMORY_SECONDS
    for key in ("celeriac:sent:now", f"celeriac:sent:{_period(server) % 2}"):
        assert 0 < server.ttl(key) <= lasts
    # A period later they are those of the period before, and a second set is begun.
    server.rename(*_turn(server))
    server.decr("celeriac:sent:now")
    assert enqueue("a", "c", "c") == (False, True, False)
    assert [key for key in server.keys("celeriac:sent:*") if not 0 < server.ttl(key) <= lasts] == []
    # Two periods later nothing is known of them.
    server.decrby("celeriac:sent:now", 2)
    assert enqueue("a", "c") == (True, True)
    assert periods() == 0


def _turn(server: redis.Redis) -> tuple[str, str]:
    """The set of the present period, and that of the one before."""
    place = _period(server) % 2
    return f"celeriac:sent:{place}", f"celeriac:sent:{1 - place}"


def _period(server: redis.Redis) -> int:
    """The period whose ids were remembered last."""
    return int(server.get("celeriac:sent:now") or 0)
