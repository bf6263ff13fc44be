"""A list of the workers: what anybody sees of them without a lease of his own."""

from __future__ import annotations

import pytest

from celeriac.clock import SYSTEM_CLOCK
from celeriac.exceptions import LeaseLost
from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import Hand, put, raws


class Watching:
    """Part of `StoreConformance`."""

    def test_a_survey_shows_the_workers_and_what_they_hold(self, store: c.Store) -> None:
        put(store, b"one", b"two")
        put(store, b"aside", queue="other")
        first, second = Hand(store, "first"), Hand(store, "second")
        one, two = first.claim(2)
        second.claim(1, "other")
        began = int(SYSTEM_CLOCK.now() * 1000) - 60_000
        mine, theirs = store.run(c.ListWorkers())
        assert (mine.peer.worker, mine.peer.epoch, mine.peer.record.pid) == ("first", first.lease.epoch, 7)
        assert [(each.claim, each.queue, each.raw) for each in mine.holdings] == [
            (one.id, "q", b"one"),
            (two.id, "q", b"two"),
        ]
        assert all(each.worker == "first" and each.since > began for each in mine.holdings)
        assert (mine.held, mine.counters, mine.quiet) == (2, c.WorkerCounters(), -1)
        assert [(each.queue, each.raw) for each in theirs.holdings] == [("other", b"aside")]
        first.close()
        assert [sight.peer.worker for sight in store.run(c.ListWorkers())] == ["second"]

    def test_a_survey_is_no_larger_than_it_may_be(self, store: c.Store) -> None:
        put(store, b"0123456789", b"two", b"three")
        hand = Hand(store)
        hand.claim(3)
        (short,) = store.run(c.ListWorkers(limit=2))
        assert (short.held, [each.raw for each in short.holdings]) == (3, [b"0123456789", b"two"])
        (light,) = store.run(c.ListWorkers(max_bytes=10))
        assert [each.raw for each in light.holdings] == [b"0123456789", b"", b""]
        (bare,) = store.run(c.ListWorkers(limit=0))
        assert (bare.held, bare.holdings) == (3, ())

    def test_what_a_worker_has_counted_is_told_under_its_lease(self, store: c.Store) -> None:
        hand = Hand(store)
        tasks = {"t": c.TaskCounters(5, 1, {3: 4, 90: 1})}
        for counters in (c.WorkerCounters(1, {"q": 1}), c.WorkerCounters(5, {"q": 4, "other": 2}, tasks)):
            store.run(c.Heartbeat(hand.lease, counters))
            (sight,) = store.run(c.ListWorkers())
            assert sight.counters == counters
            assert 0 <= sight.quiet < 60_000
        with pytest.raises(LeaseLost):
            store.run(c.Heartbeat(c.Lease("hand", "another"), c.WorkerCounters()))
        hand.close()
        with pytest.raises(LeaseLost):
            store.run(c.Heartbeat(hand.lease, c.WorkerCounters()))
        assert store.run(c.ListWorkers()) == ()
        again = Hand(store)
        (sight,) = store.run(c.ListWorkers())
        assert (sight.peer.epoch, sight.counters, sight.quiet) == (again.lease.epoch, c.WorkerCounters(), -1)

    def test_to_look_takes_nothing(self, store: c.Store) -> None:
        put(store, b"one")
        assert store.run(c.ListWorkers()) == ()
        assert raws(Hand(store).claim(5)) == [b"one"]
