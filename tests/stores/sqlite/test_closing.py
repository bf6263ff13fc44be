"""What is asked of a store while it is being closed, by a worker of the same process."""

from __future__ import annotations

import threading
from pathlib import Path

from celeriac.store import contract as c
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
