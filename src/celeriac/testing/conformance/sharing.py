"""Calls that are shared under a key, and saved groups."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import Hand, all_raws, document


def call(task: str, key: str = "key", stale: str = "", delay: int = 0) -> c.Share:
    """A request to share a call of this task."""
    message = c.Message(task, "q", task.encode(), delay=delay)
    return c.Share(key, task, message, document("PENDING", f'"{task}"'), 60, stale)


class Sharing:
    """Part of `StoreConformance`."""

    def test_the_first_call_of_a_key_is_enqueued_and_the_others_find_it(self, store: c.Store) -> None:
        first = store.run(call("t1"))
        assert (first.task, first.document) == ("t1", document("PENDING", '"t1"'))
        assert store.run(call("t2")).task == "t1"
        assert store.run(call("t3", key="another")).task == "t3"
        assert store.run(c.ReadResults(("t1", "t2"))) == (document("PENDING", '"t1"'), None)
        assert sorted(all_raws(store)) == [b"t1", b"t3"]

    def test_of_many_at_once_one_is_enqueued(self, store: c.Store) -> None:
        with ThreadPoolExecutor(8) as pool:
            found = set(pool.map(lambda number: store.run(call(f"t{number}")).task, range(40)))
        assert len(found) == 1
        assert all_raws(store) == [found.pop().encode()]

    def test_a_repeated_request_finds_itself(self, store: c.Store) -> None:
        assert [store.run(call("t1")).task for _ in range(3)] == ["t1"] * 3
        assert all_raws(store) == [b"t1"]

    def test_the_document_of_the_call_comes_along(self, store: c.Store) -> None:
        store.run(call("t1"))
        hand = Hand(store)
        [claim] = hand.claim()
        hand.finish(c.Outcome(claim.id, "t1", document("SUCCESS")))
        found = store.run(call("t2"))
        assert (found.task, found.document) == ("t1", document("SUCCESS"))
        assert 0 <= found.age < 60_000
        store.run(c.Forget(("t1",)))
        found = store.run(call("t2"))
        assert (found.task, found.document) == ("t1", None)

    def test_a_call_that_is_called_stale_is_replaced_once(self, store: c.Store) -> None:
        store.run(call("t1"))
        assert store.run(call("t2", stale="t1")).task == "t2"
        assert store.run(call("t3", stale="t1")).task == "t2"
        assert store.run(call("t3")).task == "t2"
        assert all_raws(store) == [b"t1", b"t2"]

    def test_a_message_accepted_before_changes_nothing(self, store: c.Store) -> None:
        store.run(call("t1"))
        assert store.run(call("t1", stale="t1")).task == "t1"
        store.run(c.Enqueue((c.Message("t2", "q", b"t2"),)))
        assert store.run(call("t2", key="another")) == c.Shared("t2", 0, None)
        assert store.run(call("t3", key="another")).task == "t3"
        assert all_raws(store) == [b"t1", b"t2", b"t3"]

    def test_a_shared_call_may_be_delayed(self, store: c.Store) -> None:
        assert store.run(call("t1", delay=60_000)).task == "t1"
        assert all_raws(store) == []
        assert [each.id for each in store.run(c.Delayed()).messages] == ["t1"]

    def test_groups_are_kept_by_id(self, store: c.Store) -> None:
        assert store.run(c.ReadGroup("g1")) is None
        store.run(c.SaveGroup("g1", b"one"))
        store.run(c.SaveGroup("g2", b"two"))
        store.run(c.SaveGroup("g1", bytes(range(256))))
        assert store.run(c.ReadGroup("g1")) == bytes(range(256))
        store.run(c.DropGroup("g1"))
        store.run(c.DropGroup("none"))
        assert [store.run(c.ReadGroup(group)) for group in ("g1", "g2")] == [None, b"two"]
        assert store.run(c.ReadResults(("g2",))) == (None,)
