"""The end of a claim: everything that belongs to it happens, or nothing does."""

from __future__ import annotations

from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import HOUR, Hand, all_raws, document, put, raws


class Finishing:
    """Part of `StoreConformance`."""

    def test_a_finished_claim_is_gone_and_its_result_is_there(self, store: c.Store) -> None:
        put(store, b"a")
        hand = Hand(store)
        [claim] = hand.claim()
        reply = hand.finish(c.Outcome(claim.id, "t1", document("SUCCESS")))
        assert (reply.lost, reply.claims) == ((), ())
        assert store.run(c.ReadResults(("t1",))) == (document("SUCCESS"),)
        assert hand.held() == {}
        assert all_raws(store) == []

    def test_an_outcome_without_a_result_writes_none(self, store: c.Store) -> None:
        put(store, b"a")
        hand = Hand(store)
        [claim] = hand.claim()
        hand.finish(c.Outcome(claim.id, "t1"))
        assert store.run(c.ReadResults(("t1",))) == (None,)

    def test_many_claims_end_in_one_request(self, store: c.Store) -> None:
        put(store, *(b"%d" % number for number in range(300)))
        hand = Hand(store)
        claims = hand.claim(300)
        outcomes = (c.Outcome(claim.id, f"t{place}", claim.raw) for place, claim in enumerate(claims))
        assert hand.finish(*outcomes).lost == ()
        tasks = tuple(f"t{place}" for place in range(300))
        assert store.run(c.ReadResults(tasks)) == tuple(b"%d" % number for number in range(300))
        assert hand.held() == {}

    def test_finishing_and_claiming_are_one_step(self, store: c.Store) -> None:
        put(store, b"a", b"b", b"c")
        hand = Hand(store)
        [a] = hand.claim()
        reply = hand.finish(c.Outcome(a.id), queues=("q",), count=1)
        assert (reply.lost, raws(reply.claims)) == ((), [b"b"])
        assert list(hand.held()) == [reply.claims[0].id]

    def test_successors_are_enqueued_behind_what_waits(self, store: c.Store) -> None:
        put(store, b"a", b"b")
        hand = Hand(store)
        [a] = hand.claim()
        successors = c.Message("s1", "q", b"next"), c.Message("s2", "other", b"aside")
        reply = hand.finish(c.Outcome(a.id, successors=successors), queues=("q",), count=5)
        assert raws(reply.claims) == [b"b", b"next"]
        assert all_raws(store, "other") == [b"aside"]

    def test_a_queue_that_only_a_successor_came_to_is_known(self, store: c.Store) -> None:
        put(store, b"a")
        hand = Hand(store)
        [a] = hand.claim()
        hand.finish(c.Outcome(a.id, successors=(c.Message("s1", "aside", b"b", 6), c.Message("s2", "later", b"c"))))
        hand.close()
        filled = {stats.queue: stats.ready for stats in store.run(c.Stats()) if stats.ready}
        assert filled == {"aside": 1, "later": 1}
        assert store.run(c.Locate("b")).ready == (c.QueuedMatch("aside", 0, b"b"),)

    def test_a_successor_can_be_delayed(self, store: c.Store) -> None:
        put(store, b"a")
        hand = Hand(store)
        [a] = hand.claim()
        reply = hand.finish(c.Outcome(a.id, successors=(c.Message("s1", "q", b"retry", delay=HOUR),)))
        assert 0 < reply.next_due <= HOUR
        assert all_raws(store) == []

    def test_nothing_delayed_means_nothing_due(self, store: c.Store) -> None:
        assert Hand(store).finish().next_due == -1

    def test_a_dead_letter_is_kept_the_newest_first(self, store: c.Store) -> None:
        put(store, b"a", b"b")
        hand = Hand(store)
        letters = [c.DeadLetter("m1", "q", b"\xff\x00", "malformed"), c.DeadLetter("m2", "q", b"b", "crashed 3 times")]
        for letter in letters:
            [claim] = hand.claim()
            hand.finish(c.Outcome(claim.id, dead=letter))
        kept = [(letter.id, letter.raw, letter.reason) for letter in store.run(c.DeadLetters())]
        assert kept == [("m2", b"b", "crashed 3 times"), ("m1", b"\xff\x00", "malformed")]
        assert [letter.id for letter in store.run(c.DeadLetters(limit=1))] == ["m2"]

    def test_an_outcome_of_a_claim_not_held_has_no_effect_at_all(self, store: c.Store) -> None:
        put(store, b"a")
        owner, stranger = Hand(store, "owner"), Hand(store, "stranger")
        [claim] = owner.claim()
        outcome = _everything(claim.id)
        assert stranger.finish(outcome).lost == (claim.id,)
        assert _effects(store) == _NOTHING
        assert list(owner.held()) == [claim.id]

    def test_a_second_outcome_of_a_claim_has_no_effect(self, store: c.Store) -> None:
        put(store, b"a")
        hand = Hand(store)
        [claim] = hand.claim()
        hand.finish(c.Outcome(claim.id))
        assert hand.finish(_everything(claim.id)).lost == (claim.id,)
        assert _effects(store) == _NOTHING

    def test_a_claim_named_twice_ends_once(self, store: c.Store) -> None:
        put(store, b"a")
        hand = Hand(store)
        [claim] = hand.claim()
        assert hand.finish(c.Outcome(claim.id), _everything(claim.id)).lost == (claim.id,)
        assert _effects(store) == _NOTHING

    def test_what_is_held_is_finished_beside_what_is_lost(self, store: c.Store) -> None:
        put(store, b"a", b"b")
        hand = Hand(store)
        [a] = hand.claim()
        lost = f"{hand.lease.epoch}:999"
        reply = hand.finish(_everything(lost), c.Outcome(a.id, "mine", b"done"), queues=("q",), count=1)
        assert (reply.lost, raws(reply.claims)) == ((lost,), [b"b"])
        assert store.run(c.ReadResults(("mine",))) == (b"done",)
        assert _effects(store) == _NOTHING

    def test_stats_count_what_is_ready_delayed_claimed_and_dead(self, store: c.Store) -> None:
        put(store, b"a", b"b", b"c", b"d")
        put(store, b"later", delay=HOUR)
        put(store, b"e", queue="other", priority=6)
        hand = Hand(store)
        first, _ = hand.claim(2)
        hand.finish(c.Outcome(first.id, dead=c.DeadLetter("m1", "q", b"a", "bad")))
        assert store.run(c.Stats(("q", "none"))) == (c.QueueStats("q", 2, 1, 1, 1), c.QueueStats("none"))
        filled = {stats for stats in store.run(c.Stats()) if stats != c.QueueStats(stats.queue)}
        assert filled == {c.QueueStats("q", 2, 1, 1, 1), c.QueueStats("other", ready=1)}


def _everything(claim: str) -> c.Outcome:
    """An outcome with every effect an outcome can have."""
    successors = c.Message("s1", "effects", b"successor"), c.Message("s2", "effects", b"later", delay=HOUR)
    dead = c.DeadLetter("m1", "effects", b"a", "dead")
    return c.Outcome(claim, "effects", b"result", successors, c.Slot("chord", 0, 2, b"value"), dead)


_NOTHING: tuple[object, ...] = (None,), [], (None, None), (), (c.QueueStats("effects"),)


def _effects(store: c.Store) -> tuple[object, ...]:
    return (
        store.run(c.ReadResults(("effects",))),
        all_raws(store, "effects"),
        store.run(c.ReadSlots("chord", 2)),
        store.run(c.DeadLetters()),
        store.run(c.Stats(("effects",))),
    )
