"""Leases that are opened, closed and lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from celeriac.exceptions import LeaseLost
from celeriac.ids import new_epoch
from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import HOUR, Hand, all_raws, put, raws

_REQUESTS: dict[str, Callable[[c.Lease, str], c.Request[Any]]] = {
    "finish": lambda lease, claim: c.Finish(lease, (c.Outcome(claim, "t1", b"done"),)),
    "claim": lambda lease, claim: c.Finish(lease, queues=("q",), count=1, first=100),
    "start": lambda lease, claim: c.Start(lease, (c.StartItem(claim, "t1", b"started", once=True),)),
    "release": lambda lease, claim: c.Release(lease, (c.Return(claim, b"changed"),)),
    "defer": lambda lease, claim: c.Defer(lease, (c.Deferral(claim, "d1", HOUR),)),
    "heartbeat": lambda lease, claim: c.Heartbeat(lease),
    "reap": lambda lease, claim: c.Reap(lease, c.Peer("owner", claim.partition(":")[0]), 1),
    "reconcile": lambda lease, claim: c.Reconcile(lease, (claim,)),
    "close": lambda lease, claim: c.CloseLease(lease),
}


class Leases:
    """Part of `StoreConformance`."""

    @pytest.mark.parametrize("verb", _REQUESTS)
    @pytest.mark.parametrize("lost", ["never opened", "closed", "of another epoch"])
    def test_a_lease_that_is_not_open_is_lost_and_changes_nothing(self, store: c.Store, verb: str, lost: str) -> None:
        put(store, b"a", b"b")
        owner = Hand(store, "owner")
        [claim] = owner.claim()
        lease = c.Lease("owner" if lost == "of another epoch" else "other", new_epoch())
        if lost == "closed":
            store.run(c.OpenLease(lease, c.WorkerRecord()))
            store.run(c.CloseLease(lease))
        with pytest.raises(LeaseLost):
            store.run(_REQUESTS[verb](lease, claim.id))
        assert owner.held() == {claim.id: claim}
        assert all_raws(store) == [b"b"]
        assert store.run(c.ReadResults(("t1",))) == (None,)
        assert owner.finish().next_due == -1

    def test_opening_an_open_lease_again_changes_nothing(self, store: c.Store) -> None:
        put(store, b"a")
        hand = Hand(store)
        [claim] = hand.claim()
        hand.open()
        assert hand.held() == {claim.id: claim}

    def test_closing_gives_back_what_is_held_in_its_old_order(self, store: c.Store) -> None:
        put(store, b"a", b"b", b"c", b"d")
        hand = Hand(store)
        hand.claim(2)
        hand.claim(1)
        hand.close()
        assert all_raws(store) == [b"a", b"b", b"c", b"d"]

    def test_a_new_epoch_of_a_worker_ends_its_old_one(self, store: c.Store) -> None:
        put(store, b"a", b"b")
        old = Hand(store, "worker")
        old.claim()
        new = Hand(store, "worker")
        with pytest.raises(LeaseLost):
            old.heartbeat()
        assert [peer.epoch for peer in new.heartbeat().peers] == [new.lease.epoch]
        assert raws(new.claim(5)) == [b"a", b"b"]

    def test_a_beat_shows_all_open_leases_with_their_records(self, store: c.Store) -> None:
        one, other, gone = Hand(store, "one"), Hand(store, "other"), Hand(store, "gone")
        gone.close()
        peers = one.heartbeat().peers
        assert {(peer.worker, peer.epoch) for peer in peers} == {
            (one.lease.worker, one.lease.epoch),
            (other.lease.worker, other.lease.epoch),
        }
        assert {peer.record for peer in peers} == {c.WorkerRecord(host="here", pid=7, queues=("q",))}

    def test_a_living_worker_either_is_known_to_live_or_its_beats_are_counted(self, store: c.Store) -> None:
        watcher, other = Hand(store, "watcher"), Hand(store, "other")
        before = watcher.peer(other)
        other.heartbeat()
        after = watcher.peer(other)
        assert after.dead is False or (after.dead is None and after.heartbeat > before.heartbeat)

    def test_a_beat_tells_when_the_next_message_is_due(self, store: c.Store) -> None:
        hand = Hand(store)
        assert hand.heartbeat().next_due == -1
        put(store, b"later", delay=HOUR)
        assert 0 < hand.heartbeat().next_due <= HOUR
