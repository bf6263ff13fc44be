"""A worker's door: requests from an event loop, and waiting without polling."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median

import pytest

from celeriac.exceptions import LeaseLost
from celeriac.ids import new_epoch
from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import HOUR, Hand, all_raws, document, put, raws

_SECONDS = 20.0


class Sessions:
    """Part of `StoreConformance`."""

    def test_requests_can_be_made_from_an_event_loop(self, store: c.Store) -> None:
        async def main() -> None:
            assert await store.arun(c.Enqueue((c.Message("m1", "q", b"a"),))) == c.Enqueued((True,))
            assert await store.arun(c.Stats(("q",))) == (c.QueueStats("q", ready=1),)
            with pytest.raises(LeaseLost):
                await store.arun(c.Heartbeat(c.Lease("nobody", "never")))

        asyncio.run(main())

    def test_a_session_performs_requests(self, store: c.Store) -> None:
        async def work(session: c.Session, lease: c.Lease) -> None:
            await store.arun(c.Enqueue((c.Message("m1", "q", b"a"), c.Message("m2", "q", b"b"))))
            [claim] = await _claim(session, lease)
            reply = await session.call(
                c.Finish(lease, (c.Outcome(claim.id, "t1", b"done"),), ("q",), 1, first=session.reserve(1))
            )
            assert (reply.lost, raws(reply.claims)) == ((), [b"b"])
            assert (await session.call(c.Heartbeat(lease))).peers[0].worker == lease.worker
            assert await store.arun(c.ReadResults(("t1",))) == (b"done",)

        _with_session(store, work)

    def test_a_lost_lease_does_not_end_the_session(self, store: c.Store) -> None:
        async def work(session: c.Session, lease: c.Lease) -> None:
            with pytest.raises(LeaseLost):
                await session.call(c.Heartbeat(c.Lease(lease.worker, "another")))
            assert (await session.call(c.Heartbeat(lease))).peers

        _with_session(store, work)

    def test_many_requests_can_be_under_way(self, store: c.Store) -> None:
        put(store, *(b"%d" % number for number in range(50)))

        async def work(session: c.Session, lease: c.Lease) -> None:
            claims = await asyncio.gather(*(_claim(session, lease) for _ in range(50)))
            assert sorted(int(raw) for taken in claims for raw in raws(taken)) == list(range(50))

        _with_session(store, work)

    def test_numbers_are_never_given_out_twice(self, store: c.Store) -> None:
        async def main() -> None:
            lease = c.Lease("worker", new_epoch())
            session = await store.connect(lease)
            given = [number for size in (1, 5, 2) for number in _range(session, size)]
            await session.close()
            session = await store.connect(lease, first=max(given) + 1)
            given += _range(session, 3)
            await session.close()
            assert len(set(given)) == len(given) == 11

        asyncio.run(main())

    def test_closing_a_session_leaves_the_lease_open(self, store: c.Store) -> None:
        put(store, b"a")

        async def main() -> None:
            lease = c.Lease("worker", new_epoch())
            session = await store.connect(lease)
            await session.call(c.OpenLease(lease, c.WorkerRecord()))
            [claim] = await _claim(session, lease)
            await session.close()
            session = await store.connect(lease, first=session.reserve(1))
            assert await session.call(c.Reconcile(lease, ())) == c.Reconciled((claim,), ())
            await session.close()

        asyncio.run(main())

    def test_who_waits_is_woken_by_a_message(self, store: c.Store) -> None:
        delays = []

        async def work(session: c.Session, lease: c.Lease) -> None:
            for number in range(20):
                began = time.monotonic()
                taking = asyncio.create_task(_take(session, lease))
                await asyncio.to_thread(put, store, b"%d" % number)
                [claim] = await taking
                assert claim.raw == b"%d" % number
                delays.append(time.monotonic() - began)
                await session.call(c.Finish(lease, (c.Outcome(claim.id),)))

        _with_session(store, work)
        assert median(delays) < 0.2

    def test_a_message_that_was_there_before_is_not_missed(self, store: c.Store) -> None:
        async def work(session: c.Session, lease: c.Lease) -> None:
            assert await _claim(session, lease) == ()
            put(store, b"a")
            assert raws(await _take(session, lease)) == [b"a"]

        _with_session(store, work)

    @pytest.mark.parametrize("priority", [0, 6])
    @pytest.mark.parametrize("way", ["release", "end", "successor", "promotion"])
    def test_who_waits_is_woken_by_what_others_let_go(self, store: c.Store, way: str, priority: int) -> None:
        put(store, b"a", priority=priority)
        put(store, b"b", queue="other")
        store.run(c.Enqueue((c.Message("late", "q", b"late", priority, HOUR),)))
        other = Hand(store, "other")
        held, ended = other.claim(2, "q", "other")
        successor = c.Outcome(ended.id, successors=(c.Message("s1", "q", b"successor", priority),))
        come, raw = {
            "release": (lambda: other.release(c.Return(held.id)), b"a"),
            "end": (other.close, b"a"),
            "successor": (lambda: other.finish(successor), b"successor"),
            "promotion": (lambda: store.run(c.Promote(256)), b"late"),
        }[way]
        store.run(c.AdjustDelayed((c.Adjustment("late", -1),)))

        async def work(session: c.Session, lease: c.Lease) -> None:
            taking = asyncio.create_task(_take(session, lease))
            await asyncio.sleep(0.1)  # by then it waits, and knows nothing of what will come
            began = time.monotonic()
            await asyncio.to_thread(come)
            assert raws(await taking) == [raw]
            assert time.monotonic() - began < 1.5

        _with_session(store, work)

    def test_who_waits_is_told_of_a_delayed_message(self, store: c.Store) -> None:
        async def work(session: c.Session, lease: c.Lease) -> None:
            waiting = asyncio.create_task(_next_due(session, lease))
            await asyncio.to_thread(put, store, b"later", delay=HOUR)
            assert 0 < await waiting <= HOUR

        _with_session(store, work)

    def test_who_waits_is_woken_by_an_advance(self, store: c.Store) -> None:
        put(store, b"a")
        other = Hand(store, "other")
        [claim] = other.claim()
        [advance] = other.finish(c.Outcome(claim.id, slot=c.Slot("chord", 0, 1, b"1"))).claims

        async def work(session: c.Session, lease: c.Lease) -> None:
            taking = asyncio.create_task(_take(session, lease))
            await asyncio.to_thread(other.release, c.Return(advance.id))
            assert raws(await taking) == [b"chord"]

        _with_session(store, work)

    def test_who_waits_is_told_the_revision_of_the_moment_of_the_claim(self, store: c.Store) -> None:
        async def work(session: c.Session, lease: c.Lease) -> None:
            for number in range(1, 4):
                taking = asyncio.create_task(_take_with_revision(session, lease))
                revoked = c.Revocation(f"t{number}", document("REVOKED"))
                await asyncio.to_thread(store.run, c.Revoke((revoked,)))
                await asyncio.to_thread(put, store, b"%d" % number)
                assert await taking == number

        _with_session(store, work)

    def test_a_session_is_told_that_something_was_revoked(self, store: c.Store) -> None:
        async def work(session: c.Session, lease: c.Lease) -> None:
            told = asyncio.Event()
            session.on_news = told.set
            await asyncio.sleep(0.05)  # what came of opening the lease may still be on its way
            delays = []
            for number in range(5):
                told.clear()
                began = time.monotonic()
                revoked = c.Revocation(f"t{number}", document("REVOKED"))
                await asyncio.to_thread(store.run, c.Revoke((revoked,)))
                await told.wait()
                delays.append(time.monotonic() - began)
            assert median(delays) < 0.4

        _with_session(store, work)

    def test_waiting_can_be_stopped(self, store: c.Store) -> None:
        async def work(session: c.Session, lease: c.Lease) -> None:
            for _ in range(3):
                waiting = asyncio.create_task(session.wait(("q",), 1))
                await asyncio.sleep(0)
                while not waiting.done():
                    await session.stop_waiting()
                    await asyncio.sleep(0.01)
                handed = await waiting
                assert handed is None or handed.claims == ()

        _with_session(store, work)

    def test_nothing_is_lost_when_waiting_stops_while_messages_arrive(self, store: c.Store) -> None:
        async def work(session: c.Session, lease: c.Lease) -> None:
            handed: list[bytes] = []
            for number in range(20):
                waiting = asyncio.create_task(session.wait(("q",), 1))
                await asyncio.gather(asyncio.to_thread(put, store, b"%d" % number), session.stop_waiting())
                while not waiting.done():
                    await session.stop_waiting()
                    await asyncio.sleep(0.001)
                handed += raws(_claims(await waiting))
            held = (await session.call(c.Reconcile(lease, ()))).unknown
            assert sorted(raws(held)) == sorted(handed)
            assert sorted(handed + all_raws(store), key=int) == [b"%d" % number for number in range(20)]

        _with_session(store, work)


def _with_session(store: c.Store, work: Callable[[c.Session, c.Lease], Awaitable[None]]) -> None:
    """Run a coroutine with a session whose lease is open."""

    async def main() -> None:
        lease = c.Lease("worker", new_epoch())
        session = await store.connect(lease)
        try:
            await session.call(c.OpenLease(lease, c.WorkerRecord(queues=("q",))))
            await asyncio.wait_for(work(session, lease), _SECONDS)
        finally:
            await session.close()

    asyncio.run(main())


async def _claim(session: c.Session, lease: c.Lease) -> tuple[c.Claim, ...]:
    return (await session.call(c.Finish(lease, queues=("q",), count=1, first=session.reserve(1)))).claims


async def _take(session: c.Session, lease: c.Lease) -> tuple[c.Claim, ...]:
    """Wait until there is something, as a worker does: look once, then wait and look."""
    claims = await _claim(session, lease)
    while not claims:
        handed = await session.wait(("q",), 1)
        claims = await _claim(session, lease) if handed is None else handed.claims
    return claims


async def _take_with_revision(session: c.Session, lease: c.Lease) -> int:
    """The revision that came with the first claim."""
    while True:
        reply = await session.call(c.Finish(lease, queues=("q",), count=1, first=session.reserve(1)))
        if reply.claims:
            return reply.revision
        handed = await session.wait(("q",), 1)
        if handed is not None and handed.claims:
            return handed.revision


async def _next_due(session: c.Session, lease: c.Lease) -> int:
    while (reply := await session.call(c.Finish(lease))).next_due < 0:
        await session.wait(("q",), 1)
    return reply.next_due


def _claims(handed: c.WaitReply | None) -> tuple[c.Claim, ...]:
    return () if handed is None else handed.claims


def _range(session: c.Session, size: int) -> list[int]:
    first = session.reserve(size)
    return list(range(first, first + size))
