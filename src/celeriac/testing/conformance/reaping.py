"""How what a dead worker held comes to another."""

from __future__ import annotations

import msgspec
import pytest

from celeriac.exceptions import LeaseLost
from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import Hand, all_raws, document, put, raws


class Reaping:
    """Part of `StoreConformance`."""

    def die(self, store: c.Store, lease: c.Lease) -> None:
        """See `StoreConformance`."""
        raise NotImplementedError

    def test_the_claims_of_a_dead_worker_move_to_the_reaper_under_new_ids(self, store: c.Store) -> None:
        put(store, b"a", b"b", b"c")
        dead, reaper = Hand(store, "dead"), Hand(store, "reaper")
        dead.claim(2)
        self.die(store, dead.lease)
        first = reaper.reserve(1024)
        claims = store.run(c.Reap(reaper.lease, reaper.peer(dead), first)).claims
        assert [claim.id for claim in claims] == [f"{reaper.lease.epoch}:{first + place}" for place in range(2)]
        assert sorted(raws(claims)) == [b"a", b"b"]
        assert reaper.held() == {claim.id: claim for claim in claims}
        assert all_raws(store) == [b"c"]

    def test_what_was_started_is_adopted_as_started(self, store: c.Store) -> None:
        put(store, b"once", b"again")
        dead, reaper = Hand(store, "dead"), Hand(store, "reaper")
        once, _ = dead.claim(2)
        dead.start(c.StartItem(once.id, once=True))
        self.die(store, dead.lease)
        claims = reaper.reap(reaper.peer(dead))
        assert {claim.raw: claim.started for claim in claims} == {b"once": True, b"again": False}
        assert reaper.held() == {claim.id: claim for claim in claims}

    def test_the_reaped_lease_is_lost_with_all_its_claims(self, store: c.Store) -> None:
        put(store, b"a")
        dead, reaper = Hand(store, "dead"), Hand(store, "reaper")
        [claim] = dead.claim()
        self.die(store, dead.lease)
        reaper.reap(reaper.peer(dead))
        with pytest.raises(LeaseLost):
            dead.finish(c.Outcome(claim.id, "t1", document("SUCCESS")))
        assert store.run(c.ReadResults(("t1",))) == (None,)
        assert [peer.worker for peer in reaper.heartbeat().peers] == ["reaper"]

    def test_the_reaper_can_finish_and_release_what_it_took_over(self, store: c.Store) -> None:
        put(store, b"a", b"b")
        dead, reaper = Hand(store, "dead"), Hand(store, "reaper")
        dead.claim(2)
        self.die(store, dead.lease)
        one, other = reaper.reap(reaper.peer(dead))
        assert reaper.finish(c.Outcome(one.id, "t1", b"done")).lost == ()
        assert reaper.release(c.Return(other.id)) == ()
        assert store.run(c.ReadResults(("t1",))) == (b"done",)
        assert all_raws(store) == [other.raw]

    def test_a_worker_that_has_beaten_since_is_not_reaped(self, store: c.Store) -> None:
        put(store, b"a")
        alive, reaper = Hand(store, "alive"), Hand(store, "reaper")
        [claim] = alive.claim()
        seen = reaper.peer(alive)
        alive.heartbeat()
        assert reaper.reap(seen) == ()
        assert alive.held() == {claim.id: claim}

    def test_another_epoch_than_the_one_observed_is_not_reaped(self, store: c.Store) -> None:
        put(store, b"a")
        dead, reaper = Hand(store, "dead"), Hand(store, "reaper")
        [claim] = dead.claim()
        self.die(store, dead.lease)
        seen = reaper.peer(dead)
        assert reaper.reap(msgspec.structs.replace(seen, epoch="another")) == ()
        assert dead.held() == {claim.id: claim}

    def test_nobody_reaps_itself(self, store: c.Store) -> None:
        put(store, b"a")
        hand = Hand(store)
        [claim] = hand.claim()
        assert hand.reap(hand.peer(hand)) == ()
        assert hand.held() == {claim.id: claim}

    def test_nobody_reaps_who_is_not_there(self, store: c.Store) -> None:
        dead, reaper = Hand(store, "dead"), Hand(store, "reaper")
        seen = reaper.peer(dead)
        dead.close()
        assert reaper.reap(seen) == ()

    def test_one_of_two_reapers_gets_it(self, store: c.Store) -> None:
        put(store, b"a")
        dead, one, other = Hand(store, "dead"), Hand(store, "one"), Hand(store, "other")
        dead.claim()
        self.die(store, dead.lease)
        seen_by_one, seen_by_other = one.peer(dead), other.peer(dead)
        assert raws(one.reap(seen_by_one)) == [b"a"]
        assert other.reap(seen_by_other) == ()

    def test_no_more_than_the_limit_moves_and_the_lease_ends_with_the_last(self, store: c.Store) -> None:
        put(store, b"a", b"b", b"c", b"d", b"e")
        dead, reaper = Hand(store, "dead"), Hand(store, "reaper")
        dead.claim(5)
        self.die(store, dead.lease)
        moved = []
        for size in (2, 2, 1):
            claims = reaper.reap(reaper.peer(dead), limit=2)
            assert len(claims) == size
            moved += raws(claims)
        assert sorted(moved) == [b"a", b"b", b"c", b"d", b"e"]
        assert [peer.worker for peer in reaper.heartbeat().peers] == ["reaper"]

    def test_the_first_reap_closes_the_lease_and_what_is_left_is_shown_as_dead(self, store: c.Store) -> None:
        put(store, b"a", b"b", b"c")
        frozen, reaper, other = Hand(store, "frozen"), Hand(store, "reaper"), Hand(store, "other")
        claims = frozen.claim(3)
        self.die(store, frozen.lease)
        assert len(reaper.reap(reaper.peer(frozen), limit=1)) == 1
        for refused in (
            frozen.heartbeat,
            frozen.held,
            lambda: frozen.finish(*(c.Outcome(claim.id, "t", document("SUCCESS")) for claim in claims)),
            lambda: frozen.release(c.Return(claims[2].id)),
        ):
            with pytest.raises(LeaseLost):
                refused()
        assert store.run(c.ReadResults(("t",))) == (None,)
        left = other.peer(frozen)
        assert (left.dead, left.epoch) == (True, frozen.lease.epoch + c.REAPED)
        assert len(other.reap(left, limit=1)) == 1
        assert other.peer(frozen).epoch == left.epoch
        assert len(reaper.reap(reaper.peer(frozen))) == 1
        assert sorted(peer.worker for peer in reaper.heartbeat().peers) == ["other", "reaper"]

    def test_who_comes_back_between_two_reaps_begins_a_new_lease_and_what_was_left_returns(
        self, store: c.Store
    ) -> None:
        put(store, b"a", b"b", b"c")
        frozen, reaper = Hand(store, "frozen"), Hand(store, "reaper")
        frozen.claim(3)
        self.die(store, frozen.lease)
        taken = raws(reaper.reap(reaper.peer(frozen), limit=1))
        Hand(store, "frozen")
        assert sorted(taken + all_raws(store)) == [b"a", b"b", b"c"]

    def test_a_dead_worker_that_held_nothing_disappears(self, store: c.Store) -> None:
        dead, reaper = Hand(store, "dead"), Hand(store, "reaper")
        self.die(store, dead.lease)
        assert reaper.reap(reaper.peer(dead)) == ()
        assert [peer.worker for peer in reaper.heartbeat().peers] == ["reaper"]

    def test_a_reaper_that_dies_is_reaped_in_turn(self, store: c.Store) -> None:
        put(store, b"a", b"b")
        dead, middle, last = Hand(store, "dead"), Hand(store, "middle"), Hand(store, "last")
        dead.claim(1)
        middle.claim(1)
        self.die(store, dead.lease)
        middle.reap(middle.peer(dead))
        self.die(store, middle.lease)
        assert sorted(raws(last.reap(last.peer(middle)))) == [b"a", b"b"]
