"""Claims: how many, under which ids, and the ways in which they are given back."""

from __future__ import annotations

from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import Hand, all_raws, put, raws


class Claiming:
    """Part of `StoreConformance`."""

    def test_nothing_comes_from_an_empty_queue(self, store: c.Store) -> None:
        assert Hand(store).claim(5) == ()

    def test_claims_are_bounded_by_count(self, store: c.Store) -> None:
        put(store, b"a", b"b", b"c")
        hand = Hand(store)
        assert raws(hand.claim(2)) == [b"a", b"b"]
        assert hand.finish(queues=("q",), count=0).claims == ()
        assert raws(hand.claim(2)) == [b"c"]

    def test_claims_are_bounded_by_bytes_with_a_small_overshoot(self, store: c.Store) -> None:
        put(store, *(b"%01000d" % number for number in range(20)))
        assert 3 <= len(Hand(store).claim(20, max_bytes=2500)) <= 5

    def test_bytes_are_counted_over_all_queues(self, store: c.Store) -> None:
        put(store, b"a" * 1000, queue="a")
        put(store, b"b" * 1000, queue="b")
        assert raws(Hand(store).claim(2, "a", "b", max_bytes=500)) == [b"a" * 1000]

    def test_one_message_is_given_however_large(self, store: c.Store) -> None:
        put(store, b"x" * 100_000)
        assert len(Hand(store).claim(5, max_bytes=1)) == 1

    def test_claim_ids_are_the_epoch_and_the_numbers_asked_for(self, store: c.Store) -> None:
        put(store, b"a", b"b")
        hand = Hand(store)
        claims = store.run(c.Finish(hand.lease, queues=("q",), count=5, first=40)).claims
        assert [claim.id for claim in claims] == [f"{hand.lease.epoch}:40", f"{hand.lease.epoch}:41"]

    def test_no_message_is_claimed_twice(self, store: c.Store) -> None:
        put(store, *(b"%d" % number for number in range(10)))
        one, other = Hand(store, "one"), Hand(store, "other")
        claimed = [raw for _ in range(5) for hand in (one, other) for raw in raws(hand.claim())]
        assert claimed == [b"%d" % number for number in range(10)]
        assert one.claim(5) == ()

    def test_what_is_released_goes_to_the_front_in_the_order_named(self, store: c.Store) -> None:
        put(store, b"a", b"b", b"c", b"d")
        hand = Hand(store)
        a, b, c_ = hand.claim(3)
        assert hand.release(c.Return(b.id), c.Return(c_.id), c.Return(a.id)) == ()
        assert all_raws(store) == [b"b", b"c", b"a", b"d"]
        assert hand.held() == {}

    def test_what_is_released_keeps_its_queue_and_priority(self, store: c.Store) -> None:
        put(store, b"late", queue="other", priority=9)
        hand = Hand(store)
        [claim] = hand.claim(1, "other")
        put(store, b"also late", queue="other", priority=9)
        put(store, b"early", queue="other", priority=0)
        hand.release(c.Return(claim.id))
        assert all_raws(store, "other") == [b"early", b"late", b"also late"]

    def test_a_release_can_replace_the_message(self, store: c.Store) -> None:
        put(store, b"before")
        hand = Hand(store)
        [claim] = hand.claim()
        hand.release(c.Return(claim.id, b"after"))
        assert all_raws(store) == [b"after"]

    def test_a_release_of_what_is_not_held_does_nothing(self, store: c.Store) -> None:
        put(store, b"a", b"b")
        one, other = Hand(store, "one"), Hand(store, "other")
        [a], [b] = one.claim(), other.claim()
        assert one.release(c.Return(b.id, b"changed"), c.Return("nobody:1")) == (b.id, "nobody:1")
        assert all_raws(store) == []
        assert list(one.held()) == [a.id]
        assert raws(tuple(other.held().values())) == [b"b"]

    def test_a_released_claim_cannot_be_used_again(self, store: c.Store) -> None:
        put(store, b"a")
        hand = Hand(store)
        [claim] = hand.claim()
        hand.release(c.Return(claim.id))
        assert hand.release(c.Return(claim.id)) == (claim.id,)
        assert all_raws(store) == [b"a"]

    def test_what_is_claimed_again_has_a_new_id(self, store: c.Store) -> None:
        put(store, b"a")
        hand = Hand(store)
        [first] = hand.claim()
        hand.release(c.Return(first.id))
        [second] = hand.claim()
        assert first.id != second.id
        assert hand.finish(c.Outcome(first.id)).lost == (first.id,)
        assert list(hand.held()) == [second.id]

    def test_start_writes_documents_and_marks_what_runs_once(self, store: c.Store) -> None:
        put(store, b"a", b"b", b"c")
        hand = Hand(store)
        once, again, silent = hand.claim(3)
        begins = c.StartItem(once.id, "t1", b"started 1", once=True), c.StartItem(again.id, "t2", b"started 2")
        assert hand.start(*begins, c.StartItem(silent.id, "t3", once=True)) == ()
        assert store.run(c.ReadResults(("t1", "t2", "t3"))) == (b"started 1", b"started 2", None)
        assert {claim.raw: claim.started for claim in hand.held().values()} == {b"a": True, b"b": False, b"c": True}

    def test_a_start_of_what_is_not_held_writes_nothing(self, store: c.Store) -> None:
        put(store, b"a")
        one, other = Hand(store, "one"), Hand(store, "other")
        [claim] = one.claim()
        assert other.start(c.StartItem(claim.id, "t1", b"started", once=True)) == (claim.id,)
        assert store.run(c.ReadResults(("t1",))) == (None,)
        assert not one.held()[claim.id].started

    def test_reconcile_names_what_one_does_not_know_and_what_one_does_not_hold(self, store: c.Store) -> None:
        put(store, b"a", b"b")
        hand = Hand(store)
        a, b = hand.claim(2)
        reply = store.run(c.Reconcile(hand.lease, (a.id, f"{hand.lease.epoch}:99")))
        assert reply == c.Reconciled((b,), (f"{hand.lease.epoch}:99",))
