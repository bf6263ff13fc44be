"""What was accepted is there, whoever was killed when."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from celeriac.stores import contract as c
from celeriac.stores.sqlite import SQLiteStore
from tests.stores.sqlite.looking import is_sound, ready
from tests.stores.sqlite.programs import program


@pytest.mark.timeout(120)
def test_producers_killed_in_the_middle_lose_nothing_that_was_accepted(tmp_store_path: Path) -> None:
    source = random.Random(7)
    accepted: list[str] = []
    for turn in range(8):
        with (
            program("enqueue", tmp_store_path, f"{turn}.", 100_000) as one,
            program("enqueue", tmp_store_path, f"{turn}'", 100_000) as other,
        ):
            for _ in range(source.randrange(20, 200)):
                accepted.append(f"{turn}.{one.line()}")
            one.kill()
            accepted += [f"{turn}.{number}" for number in one.lines()]
            accepted.append(f"{turn}'{other.line()}")
            other.kill()
            accepted += [f"{turn}'{number}" for number in other.lines()]
        assert is_sound(tmp_store_path)
    found = Counter(ready(tmp_store_path))
    assert set(accepted) <= set(found)
    assert max(found.values()) == 1
    assert len(found) <= len(accepted) + 2 * 8


@pytest.mark.timeout(120)
def test_workers_killed_in_the_middle_lose_nothing_and_repeat_nothing_they_finished(tmp_store_path: Path) -> None:
    many = 1200
    store = SQLiteStore(tmp_store_path)
    store.run(c.Enqueue(tuple(c.Message(f"m{number}", "q", b"%d" % number) for number in range(many))))
    reaper = c.Lease("reaper", "epoch")
    store.run(c.OpenLease(reaper, c.WorkerRecord()))
    finished: list[str] = []
    first = 1
    for turn in range(6):
        with program("work", tmp_store_path, f"worker{turn}") as worker:
            assert worker.line() == "ready"
            finished += [worker.line() for _ in range(50)]
            worker.kill()
            finished += worker.lines()
        [peer] = [peer for peer in store.run(c.Heartbeat(reaper)).peers if peer.dead]
        claims = store.run(c.Reap(reaper, peer, first)).claims
        first += len(claims)
        store.run(c.Release(reaper, tuple(c.Return(claim.id) for claim in claims)))
        assert is_sound(tmp_store_path)
    assert len(finished) == len(set(finished))
    results = store.run(c.ReadResults(tuple(str(number) for number in range(many))))
    written = {str(number) for number, document in enumerate(results) if document is not None}
    store.run(c.CloseLease(reaper))
    store.close()
    left = ready(tmp_store_path)
    assert set(finished) <= written
    assert sorted([*written, *left], key=int) == [str(number) for number in range(many)]


def test_processes_at_once_finish_everything_once(tmp_store_path: Path) -> None:
    many = 300
    with (
        program("enqueue", tmp_store_path, "a", many) as producer,
        program("enqueue", tmp_store_path, "b", many) as second,
        program("work", tmp_store_path, "one") as one,
        program("work", tmp_store_path, "other") as other,
    ):
        assert producer.end() == second.end() == 0
        store = SQLiteStore(tmp_store_path)
        tasks = tuple(f"{prefix}{number}" for prefix in "ab" for number in range(many))
        while None in store.run(c.ReadResults(tasks)):
            assert one.line()
        one.kill()
        other.kill()
    assert store.run(c.ReadResults(tasks)) == tuple(task.encode() for task in tasks)
    assert store.run(c.Stats(("q",))) == (c.QueueStats("q"),)
    store.close()
    assert is_sound(tmp_store_path)
