"""Messages on their way in, and the order in which they come out."""

from __future__ import annotations

from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import Hand, all_raws, put, raws


class Enqueuing:
    """Part of `StoreConformance`."""

    def test_a_message_comes_out_as_it_went_in(self, store: c.Store) -> None:
        raw = bytes(range(256)) * 5
        assert store.run(c.Enqueue((c.Message("m1", "q", raw, priority=3),))) == c.Enqueued((True,))
        [claim] = Hand(store).claim()
        assert (claim.queue, claim.raw, claim.priority, claim.started) == ("q", raw, 3, False)

    def test_nothing_can_be_enqueued(self, store: c.Store) -> None:
        assert store.run(c.Enqueue(())) == c.Enqueued(())

    def test_an_id_is_enqueued_once(self, store: c.Store) -> None:
        request = c.Enqueue((c.Message("m1", "q", b"a"), c.Message("m2", "q", b"b")))
        assert store.run(request) == c.Enqueued((True, True))
        assert store.run(request) == c.Enqueued((False, False))
        assert all_raws(store) == [b"a", b"b"]

    def test_a_request_sent_again_with_more_in_it_adds_only_the_new(self, store: c.Store) -> None:
        store.run(c.Enqueue((c.Message("m1", "q", b"a"),)))
        request = c.Enqueue((c.Message("m1", "q", b"a"), c.Message("m2", "q", b"b")))
        assert store.run(request) == c.Enqueued((False, True))
        assert all_raws(store) == [b"a", b"b"]

    def test_an_id_twice_in_one_request_is_enqueued_once(self, store: c.Store) -> None:
        request = c.Enqueue((c.Message("m1", "q", b"a"), c.Message("m1", "q", b"b")))
        assert store.run(request) == c.Enqueued((True, False))
        assert all_raws(store) == [b"a"]

    def test_an_id_is_remembered_when_its_message_is_done(self, store: c.Store) -> None:
        request = c.Enqueue((c.Message("m1", "q", b"a"),))
        store.run(request)
        hand = Hand(store)
        [claim] = hand.claim()
        hand.finish(c.Outcome(claim.id))
        assert store.run(request) == c.Enqueued((False,))
        assert hand.claim() == ()

    def test_an_id_is_remembered_while_its_message_is_delayed(self, store: c.Store) -> None:
        store.run(c.Enqueue((c.Message("m1", "q", b"a", delay=3_600_000),)))
        assert store.run(c.Enqueue((c.Message("m1", "q", b"a"),))) == c.Enqueued((False,))
        assert all_raws(store) == []

    def test_first_in_first_out(self, store: c.Store) -> None:
        put(store, *(b"%d" % number for number in range(300)))
        put(store, b"300")
        assert all_raws(store) == [b"%d" % number for number in range(301)]

    def test_a_smaller_priority_is_first(self, store: c.Store) -> None:
        for priority in (9, 6, 0, 3):
            put(store, b"first of %d" % priority, b"second of %d" % priority, priority=priority)
        order = [b"%s of %d" % (place, priority) for priority in (0, 3, 6, 9) for place in (b"first", b"second")]
        assert all_raws(store) == order

    def test_queues_are_served_in_the_order_named(self, store: c.Store) -> None:
        put(store, b"a1", b"a2", queue="a")
        put(store, b"b1", queue="b", priority=9)
        assert raws(Hand(store).claim(10, "b", "a")) == [b"b1", b"a1", b"a2"]

    def test_a_queue_not_named_is_left_alone(self, store: c.Store) -> None:
        put(store, b"a", queue="a")
        put(store, b"b", queue="b")
        assert raws(Hand(store).claim(10, "b")) == [b"b"]
        assert all_raws(store, "a") == [b"a"]

    def test_a_queue_may_have_any_name(self, store: c.Store) -> None:
        for name in ("größte Wartung", "a:b{c}", "x" * 200):
            put(store, b"in", queue=name)
            assert raws(Hand(store).claim(1, name)) == [b"in"]
