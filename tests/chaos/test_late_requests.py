"""A request that its sender has given up, and that the store performs all the same.

It may lie in the buffers of a server that hangs until the worker has come back and has compared notes. What it
claimed then would belong to a worker that does not know of it, under a lease that goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest

from celeriac.stores import contract as c
from celeriac.stores.redis import RedisStore, verbs
from celeriac.stores.redis.address import parse
from celeriac.stores.redis.link import pack_all

LEASE = c.Lease("worker", "epoch")
DEAD = c.Lease("dead", "other")


@contextlib.contextmanager
def held_up(url: str, request: c.Request[object]) -> Iterator[socket.socket]:
    """A connection on which the server has all of a request but its last byte."""
    address = parse(url)
    with socket.create_connection((address.host, address.port), timeout=5) as connection:
        connection.sendall(b"SELECT %d\r\n" % address.db)
        assert connection.recv(100) == b"+OK\r\n"
        connection.sendall(pack_all(verbs.encode(request, verbs.Place()))[:-1])
        yield connection


def claim(first: int) -> c.Request[object]:
    return c.Finish(LEASE, (), ("queue",), 5, first=first)


def reap(first: int) -> c.Request[object]:
    return c.Reap(LEASE, c.Peer(DEAD.worker, DEAD.epoch, 0), first)


@pytest.mark.parametrize("late", [claim, reap])
def test_a_request_of_an_earlier_session_takes_no_claims(redis_url: str, late) -> None:
    store = RedisStore(redis_url)
    store.run(c.Enqueue((c.Message("m", "queue", b"{}"),)))

    async def come_back() -> tuple[c.Claim, ...]:
        session = await store.connect(LEASE)
        await session.call(c.OpenLease(LEASE, c.WorkerRecord()))
        if late is reap:
            store.run(c.OpenLease(DEAD, c.WorkerRecord()))
            store.run(c.Finish(DEAD, (), ("queue",), 1))
        with held_up(redis_url, late(session.reserve(5))) as connection:
            await session.close()
            session = await store.connect(LEASE, session.reserve(0))
            assert await session.call(c.Reconcile(LEASE, ())) == c.Reconciled((), ())
            connection.sendall(b"\n")
            assert connection.recv(100).startswith(b"-STALE")
        assert await session.call(c.Reconcile(LEASE, ())) == c.Reconciled((), ())
        reply: c.Finished | c.Reaped = await session.call(late(session.reserve(5)))
        await session.close()
        return reply.claims

    assert [claim.raw for claim in asyncio.run(come_back())] == [b"{}"]
    store.close()


def test_a_new_lease_of_the_same_worker_counts_from_the_beginning(redis_url: str) -> None:
    store = RedisStore(redis_url)
    store.run(c.Enqueue((c.Message("m", "queue", b"{}"),)))

    async def claims(epoch: str, first: int, start: int) -> tuple[c.Claim, ...]:
        lease = c.Lease(LEASE.worker, epoch)
        store.run(c.OpenLease(lease, c.WorkerRecord()))
        session = await store.connect(lease, first)
        reply = await session.call(c.Finish(lease, (), ("queue",), 1, first=start))
        await session.close()
        return reply.claims

    assert len(asyncio.run(claims("one", 500, 500))) == 1
    assert len(asyncio.run(claims("two", 1, 1))) == 1
    store.close()
