"""A request happens wholly or not at all, whatever Redis refuses, at whichever call of whichever script."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from celeriac.store import contract as c
from celeriac.stores.redis import layout, verbs
from celeriac.stores.redis.scripts import names, script
from celeriac.testing.comparison import compare
from tests.stores.deaths import stop_beating
from tests.stores.redis.refusals import Refusing

LEASE = c.Lease("w", "e")
HISTORIES = 12


def test_every_call_of_every_script_may_be_refused(new_redis_url: Callable[[], str]) -> None:
    """Random requests, whose replies are the memory store's, each refused at every call before it is performed."""
    points: dict[str, int] = {}
    for seed in range(HISTORIES):
        with _refusing(new_redis_url(), new_redis_url() if seed % 4 == 3 else None) as store:
            compare(cast(c.Store, store), random.Random(seed), 40, stop_beating)
            _refuse_the_rest(store)
            for name, count in store.points.items():
                points[name] = points.get(name, 0) + count
    print(dict(sorted(points.items())), sum(points.values()))
    assert names() - set(points) == {"rights"}  # it is no request, and only finds out what is refused


def _refuse_the_rest(store: Refusing) -> None:
    """What no request of the contract calls, and what random ones seldom come to."""
    dead = c.Lease("dead", "d")
    store.run(c.OpenLease(dead, c.WorkerRecord(queues=("q1",))))
    store.run(c.Enqueue(tuple(c.Message(f"m{number}", "q1", b"%d" % number) for number in range(5))))
    store.run(c.Finish(dead, queues=("q1",), count=5, first=1))
    store.run(c.OpenLease(LEASE, c.WorkerRecord(queues=("q1",))))
    for first, limit in ((10, 3), (20, 3)):
        store.run(c.Reap(LEASE, c.Peer("dead", "d", 0, None, c.WorkerRecord()), first, limit))
    store.refuse(verbs.fence(LEASE, 7))
    for command in (
        [b"HSET", b"unacked", b"t1", b"entry 1", b"t2", b"entry 2"],
        [b"ZADD", b"unacked_index", b"1", b"t1", b"2", b"t2"],
        [b"LPUSH", layout.landing_key(b"q1"), b"a", b"b"],
    ):
        store.ask(command)
    adopt = [b"0", b"t1", b"q1", b"entry 1", b"t2", b"q1\x06\x163", b"entry 2", b"gone", b"q1", b"entry 3"]
    store.refuse(script("adopt").call([b"unacked", b"unacked_index"], adopt))
    store.refuse(script("unland").call([layout.QUEUES], []))


@contextlib.contextmanager
def _refusing(url: str, results_url: str | None = None) -> Iterator[Refusing]:
    store = Refusing(url, results_url)
    try:
        yield store
    finally:
        store.close()
