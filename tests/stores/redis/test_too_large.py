"""What is longer than the server takes is refused as such, by every door, once, and nothing else suffers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from celeriac.exceptions import OperationalError, RequestTooLarge
from celeriac.stores import contract as c
from celeriac.stores.redis import RedisStore
from tools.servers.redis import RedisServer

LIMIT = 1 << 20
LARGE = b"x" * (6 * LIMIT)
"""More than the buffers of a connection hold, too: the server closes while it is being sent."""
SAID = r"too large for this Redis: a value of 6,291,456 bytes in a request of 6,291,[0-9]+; .*proto-max-bulk-len"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RedisStore]:
    server = RedisServer(tmp_path / "redis", options=["--proto-max-bulk-len", str(LIMIT)])
    with server, contextlib.closing(RedisStore(server.url)) as store:
        yield store


def enqueue(id: str, raw: bytes) -> c.Enqueue:
    return c.Enqueue((c.Message(id, "q", raw),))


def test_from_a_thread(store: RedisStore):
    begun = time.monotonic()
    for number in range(3):
        with pytest.raises(RequestTooLarge, match=SAID):
            store.run(enqueue(f"big{number}", LARGE))
    assert store.run(enqueue("small", b"x")).fresh == (True,)
    assert time.monotonic() - begun < 2.0


def test_in_the_middle_of_many(store: RedisStore):
    requests = [enqueue("1", b"x"), enqueue("2", b"x"), enqueue("big", LARGE), enqueue("3", b"x")]
    with pytest.raises(RequestTooLarge, match=SAID):
        store.run_many(requests)
    (stats,) = store.run(c.Stats(("q",)))
    assert stats.ready == 2


def test_from_an_event_loop(store: RedisStore):
    async def send() -> None:
        begun = time.monotonic()
        for number in range(3):
            with pytest.raises(RequestTooLarge, match=SAID):
                await store.arun(enqueue(f"big{number}", LARGE))
            assert (await store.arun(enqueue(f"small{number}", b"x"))).fresh == (True,)
        assert time.monotonic() - begun < 2.0

    asyncio.run(send())


def test_from_a_worker(store: RedisStore):
    async def finish() -> None:
        lease = c.Lease("w", "e")
        session = await store.connect(lease)
        await session.call(c.OpenLease(lease, c.WorkerRecord(queues=("q",))))
        await store.arun(enqueue("small", b"x"))
        (claim,) = (await session.call(c.Finish(lease, queues=("q",), count=1, first=session.reserve(1)))).claims
        with pytest.raises(RequestTooLarge, match=SAID):
            await session.call(c.Finish(lease, (c.Outcome(claim.id, "small", LARGE),), first=session.reserve(1)))
        await session.close()
        again = await store.connect(lease, session.reserve(0))
        reply = await again.call(c.Reconcile(lease, (claim.id,)))
        assert reply == c.Reconciled((), ())
        await again.close()

    asyncio.run(finish())


def test_what_breaks_the_connection_all_the_same_is_told_with_its_size(tmp_path: Path):
    """A limit for whole requests is enforced without a word."""
    with RedisServer(tmp_path / "redis", options=["--client-query-buffer-limit", str(LIMIT)]) as server:
        store = RedisStore(server.url)
        with pytest.raises(OperationalError, match=r"has 6,291,... bytes; more than its client-query-buffer-limit"):
            store.run(enqueue("big", LARGE), deadline=0.5)
        store.close()
