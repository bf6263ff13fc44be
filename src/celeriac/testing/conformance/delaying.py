"""Messages held back, and how they become ready."""

from __future__ import annotations

import time

from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import HOUR, Hand, all_raws, put, raws


class Delaying:
    """Part of `StoreConformance`."""

    def test_a_delayed_message_is_not_ready(self, store: c.Store) -> None:
        hand = Hand(store)
        put(store, b"later", delay=HOUR)
        assert hand.claim() == ()
        assert 0 < hand.finish().next_due <= HOUR
        promoted = store.run(c.Promote())
        assert promoted.count == 0
        assert 0 < promoted.next_due <= HOUR

    def test_delays_are_counted_on_the_clock_of_the_store(self, store: c.Store) -> None:
        began = time.monotonic()
        put(store, b"soon", priority=3, delay=30)
        while not (promoted := store.run(c.Promote())).count:
            time.sleep(promoted.next_due / 1000)
        assert time.monotonic() - began >= 0.025
        assert promoted.next_due == -1
        [claim] = Hand(store).claim()
        assert (claim.raw, claim.priority) == (b"soon", 3)

    def test_what_is_due_goes_behind_what_waits_in_the_order_in_which_it_was_due(self, store: c.Store) -> None:
        hand = _deferred(store, (b"third", 3), (b"first", 1), (b"second", 2))
        put(store, b"waiting")
        assert hand.finish().next_due == 0
        assert store.run(c.Promote()) == c.Promoted(3, -1)
        assert all_raws(store) == [b"waiting", b"first", b"second", b"third"]

    def test_no_more_than_the_limit_is_promoted(self, store: c.Store) -> None:
        _deferred(store, (b"a", 1), (b"b", 2), (b"c", 3))
        assert store.run(c.Promote(limit=2)) == c.Promoted(2, 0)
        assert store.run(c.Promote(limit=2)) == c.Promoted(1, -1)
        assert store.run(c.Promote(limit=2)) == c.Promoted(0, -1)
        assert all_raws(store) == [b"a", b"b", b"c"]

    def test_a_deferred_claim_ends_and_keeps_its_queue_and_priority(self, store: c.Store) -> None:
        put(store, b"a", queue="other", priority=6)
        hand = Hand(store)
        [claim] = hand.claim(1, "other")
        assert hand.defer(c.Deferral(claim.id, "d1", due=1)) == ()
        assert hand.held() == {}
        assert store.run(c.Stats(("other",))) == (c.QueueStats("other", delayed=1),)
        store.run(c.Promote())
        [again] = hand.claim(1, "other")
        assert (again.raw, again.priority) == (b"a", 6)

    def test_a_deferral_can_replace_the_message(self, store: c.Store) -> None:
        put(store, b"before")
        hand = Hand(store)
        [claim] = hand.claim()
        hand.defer(c.Deferral(claim.id, "d1", due=1, raw=b"after"))
        store.run(c.Promote())
        assert all_raws(store) == [b"after"]

    def test_a_deferral_may_be_due_in_days(self, store: c.Store) -> None:
        put(store, b"a")
        hand = Hand(store)
        [claim] = hand.claim()
        hand.defer(c.Deferral(claim.id, "d1", due=time.time_ns() // 1_000_000 + 100 * 24 * HOUR))
        assert 99 * 24 * HOUR < hand.finish().next_due < 101 * 24 * HOUR

    def test_a_deferral_of_what_is_not_held_does_nothing(self, store: c.Store) -> None:
        put(store, b"a")
        one, other = Hand(store, "one"), Hand(store, "other")
        [claim] = one.claim()
        assert other.defer(c.Deferral(claim.id, "d1", due=1, raw=b"changed")) == (claim.id,)
        assert store.run(c.Promote()) == c.Promoted(0, -1)
        assert raws(tuple(one.held().values())) == [b"a"]


def _deferred(store: c.Store, *items: tuple[bytes, int]) -> Hand:
    """Messages, each deferred to a time in 1970."""
    put(store, *(raw for raw, _ in items))
    hand = Hand(store)
    for claim, (_, due) in zip(hand.claim(len(items)), items, strict=True):
        hand.defer(c.Deferral(claim.id, f"d{due}", due))
    return hand
