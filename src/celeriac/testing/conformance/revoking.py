"""What was revoked: at once where it is delayed, remembered where it is not."""

from __future__ import annotations

import time

from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import HOUR, Hand, all_raws, document, put

REVOKED = document("REVOKED")
_IN_2096 = 4_000_000_000_000


class Revoking:
    """Part of `StoreConformance`."""

    def test_a_delayed_task_ends_at_once(self, store: c.Store) -> None:
        store.run(c.Enqueue((c.Message("t1", "q", b"a", delay=HOUR), c.Message("t2", "q", b"b", delay=HOUR))))
        assert _revoke(store, "t1") == ("t1",)
        assert store.run(c.Stats(("q",))) == (c.QueueStats("q", delayed=1),)
        assert store.run(c.ReadResults(("t1", "t2"))) == (REVOKED, None)
        assert store.run(c.Revocations()) == c.Revoked(0)

    def test_later_attempts_of_a_delayed_task_are_found_and_those_of_others_left(self, store: c.Store) -> None:
        ours = ("t1:3", "t1:12", "t1:0:requeue:2", "t1")
        others = ("t1:a", "t1:requeue:1", "t1:3b", "t11", "t1-3", "t", "t1:", "xt1")
        messages = (c.Message(id, "q", id.encode(), delay=HOUR) for id in (*ours, *others))
        store.run(c.Enqueue(tuple(messages)))
        assert _revoke(store, "t1") == ("t1",)
        assert store.run(c.Stats(("q",)))[0].delayed == len(others)

    def test_two_delayed_messages_of_one_id_end_together(self, store: c.Store) -> None:
        hand = Hand(store)
        put(store, b"a", b"b", b"c")
        for claim, id in zip(hand.claim(3), ("t1", "t1", "t1:1"), strict=True):
            hand.defer(c.Deferral(claim.id, id, due=_IN_2096))
        assert _revoke(store, "t1") == ("t1",)
        assert store.run(c.Stats(("q",))) == (c.QueueStats("q"),)

    def test_a_final_result_stays(self, store: c.Store) -> None:
        hand = Hand(store)
        put(store, b"a", b"b")
        first, second = hand.claim(2)
        hand.finish(c.Outcome(first.id, "t1", document("SUCCESS", "1")), c.Outcome(second.id, "t2", document("RETRY")))
        store.run(c.Enqueue((c.Message("t1", "q", b"a", delay=HOUR), c.Message("t2", "q", b"b", delay=HOUR))))
        assert _revoke(store, "t1", "t2") == ("t1", "t2")
        assert store.run(c.ReadResults(("t1", "t2"))) == (document("SUCCESS", "1"), REVOKED)

    def test_any_other_task_is_remembered_and_raises_the_revision(self, store: c.Store) -> None:
        put(store, b"a")
        assert _revoke(store, "t1") == ()
        assert _revoke(store, "t2") == ()
        assert all_raws(store) == [b"a"]
        assert store.run(c.ReadResults(("t1",))) == (None,)
        revoked = store.run(c.Revocations())
        assert (revoked.revision, [entry.task for entry in revoked.entries]) == (2, ["t1", "t2"])
        revoked = store.run(c.Revocations(since=1))
        assert (revoked.revision, [entry.task for entry in revoked.entries]) == (2, ["t2"])
        assert store.run(c.Revocations(since=2)) == c.Revoked(2)

    def test_a_revocation_is_remembered_with_all_it_says_and_the_time_left(self, store: c.Store) -> None:
        store.run(c.Revoke((c.Revocation("t1", b"one\ntwo", terminate=True, signal="SIGKILL", seconds=100),)))
        (entry,) = store.run(c.Revocations()).entries
        assert (entry.task, entry.result, entry.terminate, entry.signal) == ("t1", b"one\ntwo", True, "SIGKILL")
        assert 90 < entry.seconds <= 100

    def test_a_later_revocation_replaces_the_earlier(self, store: c.Store) -> None:
        _revoke(store, "t1", "t2")
        store.run(c.Revoke((c.Revocation("t1", REVOKED, terminate=True),)))
        revoked = store.run(c.Revocations())
        assert revoked.revision == 3
        assert [(entry.task, entry.terminate) for entry in revoked.entries] == [("t2", False), ("t1", True)]

    def test_a_revocation_is_forgotten_in_time_and_the_revision_never_goes_back(self, store: c.Store) -> None:
        _revoke(store, "t1")
        store.run(c.Revoke((c.Revocation("t2", REVOKED, seconds=0.05),)))
        ends = time.monotonic() + 10
        while len(store.run(c.Revocations()).entries) > 1 and time.monotonic() < ends:
            time.sleep(0.01)
        assert [entry.task for entry in store.run(c.Revocations()).entries] == ["t1"]
        store.run(c.Revoke((c.Revocation("t1", REVOKED, seconds=0.05),)))
        while store.run(c.Revocations()).entries and time.monotonic() < ends:
            time.sleep(0.01)
        assert store.run(c.Revocations()) == c.Revoked(3)
        _revoke(store, "t3")
        assert store.run(c.Revocations()).revision == 4

    def test_claims_and_beats_tell_the_revision(self, store: c.Store) -> None:
        hand = Hand(store)
        put(store, b"a", b"b")
        assert hand.finish(queues=("q",), count=1).revision == 0
        assert hand.heartbeat().revision == 0
        _revoke(store, "t1", "t2")
        assert hand.finish(queues=("q",), count=1).revision == 2
        assert hand.heartbeat().revision == 2


def _revoke(store: c.Store, *tasks: str) -> tuple[str, ...]:
    return store.run(c.Revoke(tuple(c.Revocation(task, REVOKED) for task in tasks))).tasks
