"""Slots and the advance of a chord: exactly one, whoever dies."""

from __future__ import annotations

from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import Hand, all_raws, put, raws


class Chords:
    """Part of `StoreConformance`."""

    def die(self, store: c.Store, lease: c.Lease) -> None:
        """See `StoreConformance`."""
        raise NotImplementedError

    def test_slots_are_read_by_index(self, store: c.Store) -> None:
        hand = Hand(store)
        _fill(hand, "chord", (2, 3), (0, 3))
        assert store.run(c.ReadSlots("chord", 3)) == (b"value 0", None, b"value 2")
        assert store.run(c.ReadSlots("unknown", 2)) == (None, None)

    def test_the_first_value_of_an_index_stays(self, store: c.Store) -> None:
        put(store, b"a", b"b")
        hand = Hand(store)
        first, second = hand.claim(2)
        hand.finish(c.Outcome(first.id, slot=c.Slot("chord", 0, 2, b"first")))
        assert hand.finish(c.Outcome(second.id, slot=c.Slot("chord", 0, 2, b"second"))).claims == ()
        assert store.run(c.ReadSlots("chord", 2)) == (b"first", None)

    def test_the_last_slot_leaves_an_advance_with_the_one_who_filled_it(self, store: c.Store) -> None:
        one, other = Hand(store, "one"), Hand(store, "other")
        assert _fill(one, "chord", (0, 2)) == ()
        [advance] = _fill(other, "chord", (1, 2))
        assert (advance.queue, advance.raw) == (c.ADVANCE_QUEUE, b"chord")
        assert other.held() == {advance.id: advance}
        assert one.held() == {}

    def test_a_chord_completed_within_one_request_advances_once(self, store: c.Store) -> None:
        [advance] = _fill(Hand(store), "chord", (0, 3), (1, 3), (2, 3))
        assert advance.raw == b"chord"

    def test_two_chords_can_be_completed_by_one_request(self, store: c.Store) -> None:
        put(store, b"a", b"b", b"c")
        hand = Hand(store)
        a, b = hand.claim(2)
        outcomes = c.Outcome(a.id, slot=c.Slot("one", 0, 1, b"1")), c.Outcome(b.id, slot=c.Slot("two", 0, 1, b"2"))
        reply = hand.finish(*outcomes, queues=("q",), count=1)
        assert raws(reply.claims) == [b"one", b"two", b"c"]
        assert len({claim.id for claim in reply.claims}) == 3

    def test_a_slot_filled_again_does_not_advance_again(self, store: c.Store) -> None:
        hand = Hand(store)
        _fill(hand, "chord", (0, 1))
        assert _fill(hand, "chord", (0, 1)) == ()
        assert all_raws(store) == []

    def test_an_advance_that_is_released_is_claimed_by_any_other_once(self, store: c.Store) -> None:
        one, other = Hand(store, "one"), Hand(store, "other")
        [advance] = _fill(one, "chord", (0, 1))
        one.release(c.Return(advance.id))
        [again] = other.claim(5, "some queue")
        assert (again.queue, again.raw) == (c.ADVANCE_QUEUE, b"chord")
        assert one.claim(5) == ()

    def test_an_advance_comes_before_all_messages(self, store: c.Store) -> None:
        one, other = Hand(store, "one"), Hand(store, "other")
        _fill(one, "chord", (0, 1))
        put(store, b"message")
        one.close()
        assert raws(other.claim(1)) == [b"chord"]

    def test_the_advance_of_a_dead_worker_goes_to_its_reaper(self, store: c.Store) -> None:
        dead, reaper = Hand(store, "dead"), Hand(store, "reaper")
        _fill(dead, "chord", (0, 1))
        self.die(store, dead.lease)
        [advance] = reaper.reap(reaper.peer(dead))
        assert (advance.queue, advance.raw) == (c.ADVANCE_QUEUE, b"chord")

    def test_an_advance_enqueues_the_body_and_clears_the_slots(self, store: c.Store) -> None:
        hand = Hand(store)
        [advance] = _fill(hand, "chord", (0, 1))
        body = c.Message("body", "q", b"body")
        assert hand.finish(c.Outcome(advance.id, successors=(body,), clears="chord")).lost == ()
        assert store.run(c.ReadSlots("chord", 1)) == (None,)
        assert all_raws(store) == [b"body"]

    def test_an_advance_is_in_no_queue_of_the_user(self, store: c.Store) -> None:
        hand = Hand(store)
        [advance] = _fill(hand, "chord", (0, 1))
        hand.release(c.Return(advance.id))
        assert c.ADVANCE_QUEUE not in {stats.queue for stats in store.run(c.Stats())}


def _fill(hand: Hand, chord: str, *slots: tuple[int, int]) -> tuple[c.Claim, ...]:
    """Finish one message per slot (index and size); what this leaves with the hand."""
    put(hand.store, *(b"member" for _ in slots), queue="members")
    claims = hand.claim(len(slots), "members")
    outcomes = (
        c.Outcome(claim.id, slot=c.Slot(chord, index, size, b"value %d" % index))
        for claim, (index, size) in zip(claims, slots, strict=True)
    )
    return hand.finish(*outcomes).claims
