"""A request happens wholly or not at all, whatever Redis refuses, at whichever call of whichever script."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import cast

import pytest

from celeriac.stores import contract as c
from celeriac.stores.redis import layout, verbs
from celeriac.stores.redis.scripts import names, script
from celeriac.testing.comparison import compare
from tests.stores.deaths import stop_heartbeat
from tests.stores.redis.refusals import Denied, Filled, Misused, Refusing, Tried
from tools.servers.redis import RedisServer

LEASE = c.Lease("w", "e")
STEPS = 40

pytestmark = pytest.mark.timeout(400)


def test_every_call_of_every_script_may_be_refused(new_redis_url: Callable[[], str]) -> None:
    """Random requests, whose replies are the memory store's, each refused at every call before it is performed."""
    points = _histories(Refusing, new_redis_url, range(10))
    assert sum(points.values()) > 8000
    # It is no request, and only finds out what is refused.
    assert names() - set(points) == {"rights"}


def test_no_key_of_a_queue_has_to_be_a_list(new_redis_url: Callable[[], str]) -> None:
    """Producers are refused; of what is in, no message is lost and no outcome beside it held up."""
    points = _histories(Misused, new_redis_url, range(100, 104))
    assert sum(points.values()) > 1000


def test_every_right_may_be_taken_away(tmp_path: Path) -> None:
    """Of the user that a worker runs as, while it runs: what needs it is refused, and nothing is half done."""
    points = _histories_on_a_server(Denied, tmp_path, range(300, 303))
    assert names() - set(points) == {"rights"}


def test_a_full_server_serves_all_but_producers(tmp_path: Path) -> None:
    points = _histories_on_a_server(Filled, tmp_path, range(200, 206))
    assert names() - set(points) == {"rights"}


def _histories_on_a_server(kind: type[Tried], directory: Path, seeds: Iterable[int]) -> Counter[str]:
    with RedisServer(directory) as server:
        numbers = count()
        return _histories(kind, lambda: server.database(next(numbers)), seeds)


def _histories(kind: type[Tried], new_url: Callable[[], str], seeds: Iterable[int]) -> Counter[str]:
    """Random requests, each tried before it is performed; how often each script was refused something."""
    points: Counter[str] = Counter()
    for seed in seeds:
        store = kind(new_url(), new_url() if seed % 2 else None)
        try:
            compare(cast(c.Store, store), random.Random(seed), STEPS, stop_heartbeat)
            _try_the_rest(store)
            points += store.points
        finally:
            store.close()
    print(dict(sorted(points.items())), sum(points.values()))
    return points


def _try_the_rest(store: Tried) -> None:
    """What no request of the contract calls, and what random ones seldom come to."""
    dead = c.Lease("dead", "d")
    store.run(c.OpenLease(dead, c.WorkerRecord(queues=("q1",))))
    store.run(c.Enqueue(tuple(c.Message(f"m{number}", "q1", b"%d" % number) for number in range(5))))
    store.run(c.Finish(dead, queues=("q1",), count=5, first=1))
    store.run(c.OpenLease(LEASE, c.WorkerRecord(queues=("q1",))))
    store.run(c.Enqueue(tuple(c.Message(f"p{number}", "q2", b"p%d" % number, number) for number in range(5))))
    store.run(c.Purge("q2", 3))
    letters = tuple(c.DeadLetter(f"x{number}", "q2", b"x", "why") for number in range(3))
    (*claims,) = store.run(c.Finish(LEASE, queues=("q2",), count=3, first=1)).claims
    outcomes = tuple(c.Outcome(claim.id, dead=letter) for claim, letter in zip(claims, letters, strict=False))
    store.try_out(verbs.encode(c.Finish(LEASE, outcomes, first=4), verbs.Place(store.db, dead_limit=1)))
    ids = ("c1", "c2", "r1", "r2")
    store.run(c.Enqueue(tuple(c.Message(id, "q2", id.encode(), delay=1 << 40) for id in ids)))
    store.run(c.CancelDelayed(tuple(c.Cancellation(id, id, b"cancelled") for id in ids[:2])))
    store.run(c.Revoke(tuple(c.Revocation(id, b"revoked") for id in ("r1", "unknown", "r2", "stranger"))))
    for first, limit in ((10, 3), (20, 3)):
        store.run(c.Reap(LEASE, c.Peer("dead", "d", 0, None, c.WorkerRecord()), first, limit))
    store.try_out(verbs.fence(LEASE, 7))
    for command in (
        [b"HSET", b"unacked", b"t1", b"entry 1", b"t2", b"entry 2"],
        [b"ZADD", b"unacked_index", b"1", b"t1", b"2", b"t2"],
        [b"LPUSH", layout.handoff_key(b"q1"), b"a", b"b"],
    ):
        store.ask(command)
    adopt = [b"0", b"t1", b"q1", b"entry 1", b"t2", b"q1\x06\x163", b"entry 2", b"gone", b"q1", b"entry 3"]
    store.try_out(script("adopt").call([b"unacked", b"unacked_index"], adopt))
    store.try_out(script("drain_handoff").call([layout.QUEUES], []))
