"""What is asked of a store while it is being closed, by a worker of the same process."""

from __future__ import annotations

import queue
import threading
from pathlib import Path

import pytest

from celeriac.stores import contract as c
from celeriac.stores.sqlite import SQLiteStore


def test_who_asks_a_writer_that_was_closed_is_answered(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "tasks.db")
    store.run(c.OpenLease(c.Lease("w", "e"), c.WorkerRecord()))
    writer = store._engine(None).writer
    for _ in range(3):
        answered = threading.Event()
        entry = writer.submit(c.Promote(), answered.set)
        assert answered.wait(10)
        assert entry.result() == c.Promoted(0)
        store.close()


class _EndsBeforePutReturns(queue.SimpleQueue[bool]):
    """A doorbell that lets the thread end before whoever told it to goes on, as a busy machine may."""

    def put(self, item: bool, block: bool = True, timeout: float | None = None) -> None:
        threads = [thread for thread in threading.enumerate() if thread.name == "celeriac-sqlite"]
        super().put(item, block, timeout)
        if not item:
            # The newest is this one's.
            threads[-1].join(10)


def test_a_writer_that_ends_at_once_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "SimpleQueue", _EndsBeforePutReturns)
    store = SQLiteStore(tmp_path / "tasks.db")
    writer = store._engine(None).writer
    answered = threading.Event()
    writer.submit(c.Promote(), answered.set)
    assert answered.wait(10)
    store.close()


def test_what_is_asked_behind_two_words_to_end_is_answered(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "tasks.db")
    store.run(c.OpenLease(c.Lease("w", "e"), c.WorkerRecord()))
    writer = store._engine(None).writer
    writer._doorbell.put(False)
    answered = threading.Event()
    writer.submit(c.Promote(), answered.set)
    assert answered.wait(10)
    store.close()
