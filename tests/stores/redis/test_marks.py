"""What runs at most once is marked in a set beside the claims, and the mark goes where its claim goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import redis

from celeriac.stores import contract as c
from celeriac.stores.redis import RedisStore

LEASE, OTHER = c.Lease("w", "e"), c.Lease("other", "o")
MARKS = "celeriac:started:w"


@pytest.fixture
def store(new_redis_url: Callable[[], str]) -> Iterator[RedisStore]:
    store = RedisStore(new_redis_url())
    for lease in (LEASE, OTHER):
        store.run(c.OpenLease(lease, c.WorkerRecord(queues=("q",))))
    yield store
    store.close()


def _claim(store: RedisStore, count: int) -> tuple[str, ...]:
    """Claims of so many messages, all of them marked."""
    store.run(c.Enqueue(tuple(c.Message(f"m{number}", "q", b"%d" % number) for number in range(count))))
    claims = store.run(c.Finish(LEASE, queues=("q",), count=count, first=1)).claims
    ids = tuple(claim.id for claim in claims)
    assert store.run(c.Start(LEASE, tuple(c.StartItem(id, once=True) for id in ids))) == c.LostClaims()
    return ids


def _reap(store: RedisStore, limit: int = 1024, first: int = 1) -> dict[bytes, bool]:
    dead = next(peer for peer in store.run(c.Heartbeat(OTHER)).peers if peer.worker == "w")
    reaped = store.run(c.Reap(OTHER, dead, first, limit))
    return {claim.raw: claim.started for claim in reaped.claims}


def test_a_mark_ends_with_its_claim(store: RedisStore) -> None:
    with redis.Redis.from_url(store.url, decode_responses=True) as server:
        one, two, three, four, five = _claim(store, 5)
        assert server.smembers(MARKS) == {one, two, three, four, five}
        store.run(c.Finish(LEASE, (c.Outcome(one), c.Outcome(two)), first=10))
        store.run(c.Release(LEASE, (c.Return(three),)))
        store.run(c.Defer(LEASE, (c.Deferral(four, "later", 1 << 50),)))
        assert server.smembers(MARKS) == {five}
        store.run(c.CloseLease(LEASE))
        assert not server.exists(MARKS)
    # What went back runs as if it had never been claimed.
    claims = store.run(c.Finish(OTHER, queues=("q",), count=9, first=1)).claims
    assert {claim.raw: claim.started for claim in claims} == {b"2": False, b"4": False}


def test_the_dead_leave_no_marks_and_what_they_marked_stays_so(store: RedisStore) -> None:
    with redis.Redis.from_url(store.url) as server:
        _claim(store, 3)
        assert _reap(store, 2) == {b"0": True, b"1": True}
        assert _reap(store, first=3) == {b"2": True}
        assert not server.exists(MARKS)
    claims = store.run(c.Reconcile(OTHER, ())).unknown
    assert [claim.started for claim in claims] == [True] * 3


def test_thousands_are_marked_by_one_request(store: RedisStore) -> None:
    assert len(_claim(store, 2500)) == 2500
    assert all(_reap(store, 4000).values())


def test_marks_of_a_version_that_wrote_them_into_the_claim_are_read(store: RedisStore) -> None:
    store.run(c.Enqueue((c.Message("m", "q", b"raw"),)))
    (claim,) = store.run(c.Finish(LEASE, queues=("q",), count=1, first=1)).claims
    with redis.Redis.from_url(store.url) as server:
        list_, since, raw = server.hget("celeriac:claims:w", claim.id).split(b"\n", 2)
        server.hset("celeriac:claims:w", claim.id, b"\n".join((list_, since + b"s", raw)))
    (known,) = store.run(c.Reconcile(LEASE, ())).unknown
    assert known.started
    # Such a one is marked once more without harm.
    store.run(c.Start(LEASE, (c.StartItem(claim.id, once=True),)))
    assert _reap(store) == {b"raw": True}
