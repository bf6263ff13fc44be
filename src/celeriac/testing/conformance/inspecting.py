"""What people ask about queues and about one task, and pauses."""

from __future__ import annotations

import asyncio
import time

from celeriac.clock import SYSTEM_CLOCK
from celeriac.ids import new_epoch
from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import HOUR, Hand, document, put, raws


class Inspecting:
    """Part of `StoreConformance`."""

    def test_nothing_is_claimed_from_a_paused_queue(self, store: c.Store) -> None:
        put(store, b"one", b"two")
        put(store, b"six", priority=6)
        put(store, b"aside", queue="other")
        store.run(c.Pause(("q", "none")))
        hand = Hand(store)
        assert raws(hand.claim(10, "q", "other")) == [b"aside"]
        put(store, b"three")
        store.run(c.Pause(("q",)))
        assert hand.claim(10) == ()
        assert [(row.ready, row.paused) for row in store.run(c.Stats(("q", "other", "none")))] == [
            (4, True),
            (0, False),
            (0, True),
        ]
        store.run(c.Pause(("q",), False))
        store.run(c.Pause(("q", "never"), False))
        assert raws(hand.claim(10)) == [b"one", b"two", b"three", b"six"]
        assert {row.queue for row in store.run(c.Stats()) if row.paused} == {"none"}

    def test_what_is_held_of_a_paused_queue_ends_or_comes_back(self, store: c.Store) -> None:
        put(store, b"one", b"two")
        hand = Hand(store)
        one, two = hand.claim(2)
        store.run(c.Pause(("q",)))
        hand.release(c.Return(two.id))
        assert hand.finish(c.Outcome(one.id, "one", document("SUCCESS")), queues=("q",), count=5).claims == ()
        store.run(c.Pause(("q",), False))
        assert raws(hand.claim(5)) == [b"two"]

    def test_pauses_survive_whoever_made_them(self, store: c.Store) -> None:
        hand = Hand(store)
        store.run(c.Pause(("q",)))
        hand.close()
        put(store, b"one")
        assert Hand(store, "later").claim(1) == ()

    def test_chords_advance_whatever_is_paused(self, store: c.Store) -> None:
        put(store, b"one")
        hand = Hand(store)
        (one,) = hand.claim()
        store.run(c.Pause(("q",)))
        slot = c.Slot("chord", 0, 1, b"1")
        assert [claim.queue for claim in hand.finish(c.Outcome(one.id, slot=slot)).claims] == [c.ADVANCE_QUEUE]

    def test_who_waits_hears_of_a_pause_and_of_its_end(self, store: c.Store) -> None:
        async def main() -> None:
            lease = c.Lease("w", new_epoch())
            session = await store.connect(lease)
            await session.call(c.OpenLease(lease, c.WorkerRecord(queues=("q",))))
            waiting = asyncio.ensure_future(session.wait(("q",), 1))
            await asyncio.sleep(0.05)
            await store.arun(c.Pause(("q",)))
            assert not (await waiting or c.WaitReply(())).claims
            assert not await claim(session, lease)
            put(store, b"one")
            began = time.monotonic()
            called = asyncio.ensure_future(claim_when_called(session, lease))
            await asyncio.sleep(0.1)
            assert not called.done()
            await store.arun(c.Pause(("q",), False))
            assert raws(await called) == [b"one"]
            assert time.monotonic() - began < 2 + store.heartbeat_seconds
            await session.close()

        async def claim(session: c.Session, lease: c.Lease) -> tuple[c.Claim, ...]:
            return (await session.call(c.Finish(lease, queues=("q",), count=1, first=session.reserve(1)))).claims

        async def claim_when_called(session: c.Session, lease: c.Lease) -> tuple[c.Claim, ...]:
            while True:
                handed = await session.wait(("q",), 1)
                claims = (handed.claims if handed is not None else ()) or await claim(session, lease)
                if claims:
                    return claims

        asyncio.run(main())

    def test_peeking_shows_what_is_served_next(self, store: c.Store) -> None:
        put(store, b"late", priority=9)
        put(store, b"one", b"two", b"three")
        assert store.run(c.Peek("q", 3)) == (c.Peeked(b"one"), c.Peeked(b"two"), c.Peeked(b"three"))
        assert store.run(c.Peek("q")) == (*store.run(c.Peek("q", 3)), c.Peeked(b"late", 9))
        assert store.run(c.Peek("q", max_bytes=4)) == (c.Peeked(b"one"), c.Peeked(b"two"))
        assert store.run(c.Peek("q", heads=True)) == (c.Peeked(b"one"), c.Peeked(b"late", 9))
        assert store.run(c.Peek("none")) == store.run(c.Peek("q", 0)) == ()
        assert store.run(c.Stats(("q",)))[0].ready == 4

    def test_purging_drops_what_is_ready_and_nothing_else(self, store: c.Store) -> None:
        put(store, b"held")
        hand = Hand(store)
        (held,) = hand.claim()
        put(store, b"one", b"two", b"three")
        put(store, b"late", priority=9)
        put(store, b"delayed", delay=HOUR)
        put(store, b"aside", queue="other")
        assert store.run(c.Purge("q", 2)) == 2
        assert store.run(c.Peek("q")) == (c.Peeked(b"three"), c.Peeked(b"late", 9))
        assert (store.run(c.Purge("q")), store.run(c.Purge("q")), store.run(c.Purge("none"))) == (2, 0, 0)
        assert store.run(c.Stats(("q", "other"))) == (c.QueueStats("q", 0, 1, 1), c.QueueStats("other", 1))
        put(store, b"new")
        hand.release(c.Return(held.id))
        assert raws(hand.claim(5)) == [b"held", b"new"]

    def test_an_id_is_found_where_it_is(self, store: c.Store) -> None:
        put(store, b"a needle b", queue="other")
        hand = Hand(store)
        began = int(SYSTEM_CLOCK.now() * 1000)
        (claim,) = hand.claim(1, "other")
        put(store, b"first", b"second needle", b"third")
        put(store, b"needle", priority=3)
        found = store.run(c.Locate("needle"))
        assert found.ready == (c.QueuedMatch("q", 1, b"second needle"), c.QueuedMatch("q", 3, b"needle"))
        (holding,) = found.held
        assert (holding.worker, holding.claim, holding.queue, holding.raw) == ("hand", claim.id, "other", claim.raw)
        assert began - 1000 <= holding.since <= SYSTEM_CLOCK.now() * 1000 + 1000
        assert (found.revoked, found.unseen) == (False, ())
        assert store.run(c.Locate("nowhere")) == c.Located()

    def test_a_queue_that_is_too_long_is_named(self, store: c.Store) -> None:
        put(store, *(b"%d" % number for number in range(7)), b"needle")
        put(store, b"needle", queue="other")
        found = store.run(c.Locate("needle", 7))
        assert (found.ready, found.unseen) == ((c.QueuedMatch("other", 0, b"needle"),), ("q",))
        assert store.run(c.Locate("needle", 8)).unseen == ()

    def test_a_mark_leaves_the_time_of_the_claim_alone(self, store: c.Store) -> None:
        put(store, b"needle")
        hand = Hand(store)
        (claim,) = hand.claim()
        (before,) = store.run(c.Locate("needle")).held
        hand.start(c.StartItem(claim.id, once=True))
        assert store.run(c.Locate("needle")).held == (before,)
        assert hand.held()[claim.id].started

    def test_whether_it_is_revoked(self, store: c.Store) -> None:
        store.run(c.Revoke((c.Revocation("t1", document("REVOKED")),)))
        assert (store.run(c.Locate("t1")).revoked, store.run(c.Locate("t2")).revoked) == (True, False)
