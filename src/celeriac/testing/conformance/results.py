"""Result documents, and waiting for them."""

from __future__ import annotations

import asyncio
import threading
import time
from statistics import median

import pytest

from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import Hand, document, put


class Results:
    """Part of `StoreConformance`."""

    def test_documents_are_read_in_the_order_asked_for(self, store: c.Store) -> None:
        _write(store, ("t1", b"one"), ("t2", b"two"))
        assert store.run(c.ReadResults(("t2", "none", "t1", "t2"))) == (b"two", None, b"one", b"two")
        assert store.run(c.ReadResults(())) == ()

    def test_a_document_is_replaced_by_a_later_one(self, store: c.Store) -> None:
        _write(store, ("t1", document("STARTED")))
        _write(store, ("t1", document("SUCCESS")))
        assert store.run(c.ReadResults(("t1",))) == (document("SUCCESS"),)

    def test_a_document_can_be_large_and_binary(self, store: c.Store) -> None:
        big = bytes(range(256)) * 10_000
        _write(store, ("t1", big))
        assert store.run(c.ReadResults(("t1",))) == (big,)

    def test_documents_can_be_forgotten(self, store: c.Store) -> None:
        _write(store, ("t1", b"one"), ("t2", b"two"))
        store.run(c.Forget(("t1", "none")))
        store.run(c.Forget(()))
        assert store.run(c.ReadResults(("t1", "t2"))) == (None, b"two")

    def test_what_is_said_of_a_task_by_others_never_replaces_its_end(self, store: c.Store) -> None:
        for state in ("QUEUED", "STARTED", "SUCCESS"):
            store.run(c.Note("t1", document(state)))
            assert store.run(c.ReadResults(("t1",))) == (document(state),)
        store.run(c.Note("t1", document("FAILURE")))
        store.run(c.Note("t1", document("QUEUED")))
        assert store.run(c.ReadResults(("t1",))) == (document("SUCCESS"),)
        assert store.wait_results(("t1",), timeout=None) == (document("SUCCESS"),)

    @pytest.mark.parametrize("state", ["SUCCESS", "FAILURE", "REVOKED"])
    def test_waiting_for_what_is_final_returns_at_once(self, store: c.Store, state: str) -> None:
        _write(store, ("t1", document(state)))
        assert store.wait_results(("t1", "t1"), timeout=None) == (document(state), document(state))

    def test_waiting_returns_when_the_last_one_is_final(self, store: c.Store) -> None:
        tasks = tuple(f"t{place}" for place in range(5))
        _write(store, (tasks[1], document("SUCCESS")))
        found: list[tuple[bytes | None, ...]] = []
        waiting = threading.Thread(target=lambda: found.append(store.wait_results(tasks, timeout=20)))
        waiting.start()
        for task in (tasks[4], tasks[0], tasks[3], tasks[2]):
            _write(store, (task, document("STARTED")))
            _write(store, (task, document("SUCCESS", f'"{task}"')))
        waiting.join(20)
        assert [doc is not None and c.is_final(doc) for doc in found[0]] == [True] * 5

    def test_who_waits_is_woken(self, store: c.Store) -> None:
        rounds = 20
        called = threading.Barrier(2)
        written, woken = [], []

        def wait() -> None:
            for place in range(rounds):
                called.wait(20)
                assert store.wait_results((f"t{place}",), timeout=20) == (document("SUCCESS"),)
                woken.append(time.monotonic())

        waiting = threading.Thread(target=wait)
        waiting.start()
        for place in range(rounds):
            called.wait(20)
            written.append(time.monotonic())
            _write(store, (f"t{place}", document("SUCCESS")))
        waiting.join(20)
        assert median(end - start for start, end in zip(written, woken, strict=True)) < 0.2

    def test_at_the_timeout_there_is_what_is_final_and_none_for_the_rest(self, store: c.Store) -> None:
        _write(store, ("done", document("FAILURE")), ("running", document("STARTED")))
        began = time.monotonic()
        documents = store.wait_results(("running", "done", "unknown"), timeout=0.1)
        assert documents == (None, document("FAILURE"), None)
        assert 0.09 <= time.monotonic() - began < 5

    def test_waiting_for_some_returns_when_so_many_are_final(self, store: c.Store) -> None:
        tasks = tuple(f"t{place}" for place in range(600))
        _write(store, (tasks[500], document("SUCCESS")), (tasks[7], document("STARTED")))
        found = store.wait_results(tasks, 20, 1)
        assert [task for task, each in zip(tasks, found, strict=True) if each] == [tasks[500]]
        waiting = threading.Timer(0.05, _write, (store, (tasks[7], document("FAILURE"))))
        waiting.start()
        assert sum(each is not None for each in store.wait_results(tasks, 20, 2)) == 2
        waiting.join()

    def test_coroutines_wait_side_by_side(self, store: c.Store) -> None:
        tasks = tuple(f"t{place}" for place in range(20))

        async def main() -> None:
            each = [asyncio.ensure_future(store.await_results((task, task), 20)) for task in tasks]
            together = asyncio.ensure_future(store.await_results(tasks, None))
            given_up = asyncio.ensure_future(store.await_results(tasks[:1], None))
            await asyncio.sleep(0.05)
            given_up.cancel()
            assert await store.await_results(tasks[:2], 0) == (None, None)
            for task in reversed(tasks):
                await asyncio.to_thread(_write, store, (task, document("STARTED")))
                await asyncio.to_thread(_write, store, (task, document("SUCCESS", f'"{task}"')))
            expected = tuple(document("SUCCESS", f'"{task}"') for task in tasks)
            assert await together == expected
            assert [await one for one in each] == [(doc, doc) for doc in expected]
            assert await store.await_results(("never", tasks[3]), 0.1) == (None, expected[3])

        asyncio.run(main())

    def test_no_time_to_wait_is_one_look(self, store: c.Store) -> None:
        _write(store, ("done", document("SUCCESS")))
        assert store.wait_results(("done", "unknown"), timeout=0) == (document("SUCCESS"), None)


def _write(store: c.Store, *results: tuple[str, bytes]) -> None:
    """Write documents the way they come to be: as outcomes of claims."""
    put(store, *(b"task" for _ in results), queue="writing")
    hand = Hand(store, "writer")
    claims = hand.claim(len(results), "writing")
    outcomes = (c.Outcome(claim.id, task, doc) for claim, (task, doc) in zip(claims, results, strict=True))
    assert hand.finish(*outcomes).lost == ()
    hand.close()
