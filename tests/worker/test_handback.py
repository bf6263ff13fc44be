"""Handing back what workers of other machines held, whose end nobody sees but by their silence."""

from __future__ import annotations

import time

import pytest

from celeriac.clock import SYSTEM_CLOCK
from celeriac.stores import contract as c
from celeriac.stores.redis import RedisStore
from celeriac.testing.conformance.hand import Hand, all_raws, put
from celeriac.worker.handback import HandedBack, WorkersLive, hand_back

LEASE = 0.6


@pytest.fixture
def store(redis_url):
    store = RedisStore(redis_url, lease_seconds=LEASE)
    yield store
    store.close()


def test_who_is_silent_for_a_lease_is_dead(store):
    put(store, b"a", b"b", b"c")
    Hand(store, "far away").claim(2)
    began = time.monotonic()
    assert hand_back(store, store.kombu, SYSTEM_CLOCK) == HandedBack(claims=2, delayed=0, landed=0, failed=0)
    assert time.monotonic() - began >= LEASE
    assert all_raws(store) == [b"a", b"b", b"c"]


def test_who_beats_lives_and_keeps_what_it_holds(store):
    put(store, b"a")
    store.run(c.Enqueue((c.Message("later", "q", b"x", delay=3_600_000),)))
    alive = Hand(store, "far away")
    [claim] = alive.claim()

    def heartbeat(seconds: float) -> None:
        alive.heartbeat()

    with pytest.raises(WorkersLive, match="far away"):
        hand_back(store, store.kombu, SYSTEM_CLOCK, heartbeat)
    assert alive.held() == {claim.id: claim}
    assert len(store.run(c.Delayed()).messages) == 1
    assert [peer.worker for peer in alive.heartbeat().peers] == ["far away"]


def test_a_hand_back_that_was_cut_off_is_finished_by_the_next(store):
    put(store, b"a", b"b")
    first = Hand(store, "hand-back/first")
    first.claim(1)
    assert hand_back(store, store.kombu, SYSTEM_CLOCK).claims == 1
    assert all_raws(store) == [b"a", b"b"]


def test_no_claim_is_left_when_there_are_more_than_move_at_once(store):
    raws = [b"%d" % number for number in range(450)]
    put(store, *raws)
    Hand(store, "far away").claim(450)
    assert hand_back(store, store.kombu, SYSTEM_CLOCK).claims == 450
    assert sorted(all_raws(store)) == sorted(raws)
