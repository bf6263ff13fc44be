"""What is kept for a while, counted on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from celeriac.stores import contract as c
from celeriac.stores.sqlite import SQLiteStore
from tests.stores.sqlite.looking import count_rows

LEASE = c.Lease("worker", "epoch")
BIG = c.Message("big", "other", bytes(5_000_000))
"""Makes the log long enough to be moved, and what has expired to be deleted."""


class HandClock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(tmp_store_path: Path, clock: HandClock) -> Iterator[SQLiteStore]:
    store = SQLiteStore(tmp_store_path, result_seconds=100, clock=clock)
    store.run(c.OpenLease(LEASE, c.WorkerRecord()))
    yield store
    store.close()


def write_results(store: SQLiteStore, prefix: str, many: int) -> None:
    store.run(c.Enqueue(tuple(c.Message(f"{prefix}{number}", "q", b"x") for number in range(many))))
    claims = store.run(c.Finish(LEASE, queues=("q",), count=many, first=int(prefix))).claims
    outcomes = (c.Outcome(claim.id, f"{prefix}{number}", b"done") for number, claim in enumerate(claims))
    store.run(c.Finish(LEASE, tuple(outcomes)))


def test_results_expire(store: SQLiteStore, clock: HandClock) -> None:
    write_results(store, "10000", 1)
    clock.time += 99
    assert store.run(c.ReadResults(("100000",))) == (b"done",)
    clock.time += 2
    assert store.run(c.ReadResults(("100000",))) == (None,)


def test_a_result_written_again_lives_longer(store: SQLiteStore, clock: HandClock) -> None:
    write_results(store, "10000", 1)
    clock.time += 99
    store.run(c.Enqueue((c.Message("again", "q", b"x"),)))
    [claim] = store.run(c.Finish(LEASE, queues=("q",), count=1, first=1)).claims
    store.run(c.Finish(LEASE, (c.Outcome(claim.id, "100000", b"again"),)))
    clock.time += 99
    assert store.run(c.ReadResults(("100000",))) == (b"again",)


def test_what_has_expired_is_deleted_when_the_log_is_moved(store: SQLiteStore, clock: HandClock) -> None:
    write_results(store, "10000", 1200)
    clock.time += 50
    write_results(store, "20000", 10)
    clock.time += 51
    store.run(c.Enqueue((BIG,)))
    assert count_rows(Path(store.path), "result") == 10


def test_results_can_be_kept_for_ever(tmp_store_path: Path, clock: HandClock) -> None:
    store = SQLiteStore(tmp_store_path, result_seconds=0, clock=clock)
    store.run(c.OpenLease(LEASE, c.WorkerRecord()))
    write_results(store, "10000", 1)
    clock.time += 1e9
    store.run(c.Enqueue((BIG,)))
    assert store.run(c.ReadResults(("100000",))) == (b"done",)
    store.close()


@pytest.mark.parametrize("begun", [0, 1, 150, 299])
def test_an_id_is_remembered_for_its_time_and_at_most_twice_as_long(
    store: SQLiteStore, clock: HandClock, begun: int
) -> None:
    clock.time += begun
    request = c.Enqueue((c.Message("m1", "q", b"a"),))
    assert store.run(request) == c.Enqueued((True,))
    clock.time += c.ENQUEUE_MEMORY_SECONDS - 1
    assert store.run(request) == c.Enqueued((False,))
    clock.time += c.ENQUEUE_MEMORY_SECONDS + 1
    assert store.run(request) == c.Enqueued((True,))


def test_ids_no_longer_remembered_are_deleted_when_the_log_is_moved(store: SQLiteStore, clock: HandClock) -> None:
    store.run(c.Enqueue(tuple(c.Message(f"m{number}", "q", b"x") for number in range(1000))))
    clock.time += 2 * c.ENQUEUE_MEMORY_SECONDS
    store.run(c.Enqueue((BIG,)))
    assert count_rows(Path(store.path), "accepted") == 1


def test_delays_are_counted_on_the_clock_of_the_machine(store: SQLiteStore, clock: HandClock) -> None:
    store.run(c.Enqueue((c.Message("m1", "q", b"a", delay=5000),)))
    assert store.run(c.Promote()) == c.Promoted(0, 5000)
    clock.time += 4.5
    assert store.run(c.Promote()) == c.Promoted(0, 500)
    clock.time += 0.5
    assert store.run(c.Promote()) == c.Promoted(1, -1)
