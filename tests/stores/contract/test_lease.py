"""Who counts as dead: the rules of the watch, one by one."""

from __future__ import annotations

from celeriac.stores.contract import Peer
from celeriac.stores.contract.watch import Watch

LEASE, GAP = 10.0, 5.0


def peer(worker="w", epoch="e", heartbeat=1, dead=None) -> Peer:
    return Peer(worker, epoch, heartbeat, dead)


def watch_for(seconds: float, *peers: Peer, step: float = 2.5, start: float = 100.0) -> list[Peer]:
    """What a watch says at the end of a series of looks at peers that never move."""
    watch, now, found = Watch(LEASE, GAP), start, []
    while now <= start + seconds:
        found = watch.look(now, peers, "me")
        now += step
    return found


def test_who_stands_still_for_a_whole_lease_is_suspected():
    assert watch_for(7.5, peer()) == []
    assert watch_for(10.0, peer()) == [peer()]


def test_who_moves_is_not():
    watch = Watch(LEASE, GAP)
    for look in range(20):
        assert watch.look(look * 2.5, (peer(heartbeat=look // 3),), "me") == []


def test_a_new_epoch_begins_the_count_again():
    watch = Watch(LEASE, GAP)
    for look in range(4):
        assert watch.look(look * 2.5, (peer(epoch="a"),), "me") == []
    for look in range(4, 8):
        assert watch.look(look * 2.5, (peer(epoch="b"),), "me") == []
    assert watch.look(20.0, (peer(epoch="b"),), "me") == [peer(epoch="b")]


def test_a_gap_in_the_looks_begins_every_watch_again():
    watch = Watch(LEASE, GAP)
    for now in (0.0, 2.5, 5.0, 7.5):
        assert watch.look(now, (peer(),), "me") == []
    # The store was away, or the watcher frozen: for all it knows everybody was.
    for now in (30.0, 32.5, 35.0, 37.5):
        assert watch.look(now, (peer(),), "me") == []
    assert watch.look(40.0, (peer(),), "me") == [peer()]


def test_a_lost_connection_begins_every_watch_again():
    watch = Watch(LEASE, GAP)
    for now in (0.0, 2.5, 5.0, 7.5):
        watch.look(now, (peer(),), "me")
    watch.interrupted()
    assert watch.look(10.0, (peer(),), "me") == []


def test_one_does_not_suspect_oneself():
    assert watch_for(60.0, peer("me")) == []


def test_who_is_known_to_be_dead_is_named_at_once():
    assert Watch(LEASE, GAP).look(0.0, (peer(dead=True), peer("v")), "me") == [peer(dead=True)]


def test_who_is_known_to_live_is_never_named():
    assert watch_for(60.0, peer(dead=False)) == []


def test_who_comes_back_after_being_away_is_watched_anew():
    watch = Watch(LEASE, GAP)
    for now in (0.0, 2.5, 5.0):
        watch.look(now, (peer(),), "me")
    watch.look(7.5, (), "me")
    assert watch.look(10.0, (peer(),), "me") == []
