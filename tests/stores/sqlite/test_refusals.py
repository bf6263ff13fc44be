"""A request on SQLite happens wholly or not at all, whatever SQLite refuses, and at whichever of its statements."""

from __future__ import annotations

import contextlib
import itertools
import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from celeriac.exceptions import EnqueueUncertain, OperationalError
from celeriac.stores import contract as c
from celeriac.stores.sqlite import SQLiteStore, requests
from celeriac.stores.sqlite.leases import Arrive
from celeriac.stores.sqlite.requests import only_reads
from celeriac.testing.comparison import Comparison
from tests.stores.deaths import free_lock

BUSY, FULL, IO = (
    (sqlite3.SQLITE_BUSY, "database is locked"),
    (sqlite3.SQLITE_FULL, "full"),
    (sqlite3.SQLITE_IOERR, "disk"),
)


class Refusing(sqlite3.Connection):
    """A connection that refuses its n-th statement from now, once."""

    left = 0
    refused = ""
    error = BUSY

    def execute(self, sql: str, *arguments: Any) -> Any:
        Refusing._count(sql)
        return super().execute(sql, *arguments)

    def executemany(self, sql: str, *arguments: Any) -> Any:
        Refusing._count(sql)
        return super().executemany(sql, *arguments)

    @classmethod
    def _count(cls, sql: str) -> None:
        # What ends a transaction that has failed is no statement of a request, nor is what comes after its end.
        if cls.left and sql != "ROLLBACK" and not sql.startswith("PRAGMA wal"):
            cls.left -= 1
            if not cls.left:
                cls.refused = sql
                error = sqlite3.OperationalError(cls.error[1])
                error.sqlite_errorcode = cls.error[0]
                raise error


@pytest.fixture
def refusing(monkeypatch):
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Refusing))
    yield Refusing
    Refusing.left, Refusing.refused = 0, ""


def die_in(store: SQLiteStore) -> Callable[[c.Store, c.Lease], None]:
    """How the holder of a lease dies in it."""
    return lambda _, lease: free_lock(store, lease)


def writing(store: SQLiteStore) -> sqlite3.Connection:
    """The connection that it writes with."""
    assert store._open is not None
    return store._open.writer._committer._connection.get()


class Insisting:
    """Asks a store for each request again and again: refused at its first statement, its second, and at last not."""

    def __init__(self, store: SQLiteStore, refusals: Counter[str], error: tuple[int, str]) -> None:
        self._store = store
        self._refusals = refusals
        self._error = error

    def run(self, request: c.Request[Any], **kwargs: Any) -> Any:
        Refusing.error = self._error
        for number in itertools.count(1):
            Refusing.left, Refusing.refused = number, ""
            try:
                reply = self._store.run(request, **kwargs)
            except OperationalError:
                assert Refusing.refused
                self._refusals[type(request).__name__] += 1
            else:
                assert not Refusing.refused, f"{request} came back, though {Refusing.refused} was refused"
                return reply
            finally:
                Refusing.left = 0
        raise AssertionError

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.mark.parametrize("error", [BUSY, FULL, IO], ids=["busy", "full", "io"])
@pytest.mark.timeout(180)
def test_a_refusal_at_every_statement_of_every_request(refusing, tmp_path, error):
    """Random requests, each refused at all of its statements in turn, then answered as if nothing had been."""
    refusals: Counter[str] = Counter()
    for seed in range(12):
        store = SQLiteStore(tmp_path / f"{seed}.db")
        store.run(c.Stats(()))
        insisting = Insisting(store, refusals, error)
        comparison = Comparison(insisting, random.Random(seed), die_in(store))
        for _ in range(90):
            comparison.step()
        comparison.look_at_everything()
        store.close()
    assert sum(refusals.values()) > 3000, refusals
    asked_by_nobody = {Arrive.__name__}
    assert set(refusals) == {kind.__name__ for kind in (*requests._READ, *requests._WRITE)} - asked_by_nobody


class Noting(sqlite3.Connection):
    """A connection that tells which statement it performs."""

    statement = ""

    def execute(self, sql: str, *arguments: Any) -> Any:
        self.statement = sql
        return super().execute(sql, *arguments)


class Stepping(Insisting):
    """The same with interrupts: at the first ten steps of the machine each, then ever further apart."""

    def __init__(self, store: SQLiteStore) -> None:
        super().__init__(store, Counter(), BUSY)
        self.interrupted = 0

    def run(self, request: c.Request[Any], **kwargs: Any) -> Any:
        engine = self._store._open
        assert engine is not None
        holder = engine._reader if only_reads(request) else engine.writer._committer._connection
        number = 1
        while True:
            try:
                return interrupted(holder.get(), number, lambda sql: sql not in ENDS, partial(self._store.run, request))
            except OperationalError:
                self.interrupted += 1
            number += 1 + number // 10


ENDS = ("COMMIT", "ROLLBACK")


def interrupted(connection: Any, number: int, counts: Callable[[str], bool], act: Callable[[], Any]) -> Any:
    """Act, and have SQLite interrupted at one step of its machine, of those within the statements that count."""
    left = number

    def tick() -> bool:
        nonlocal left
        left -= counts(connection.statement)
        return left == 0 and counts(connection.statement)

    connection.set_progress_handler(tick, 1)
    try:
        return act()
    finally:
        with contextlib.suppress(sqlite3.ProgrammingError):  # it was closed over it
            connection.set_progress_handler(None, 0)


@pytest.fixture
def noting(monkeypatch):
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Noting))


@pytest.mark.usefixtures("noting")
def test_an_interrupt_at_every_step_of_the_machine(tmp_path):
    """As `sqlite3_interrupt` interrupts, in the midst of every statement but the last."""
    count = 0
    for seed in range(3):
        store = SQLiteStore(tmp_path / f"{seed}.db")
        store.run(c.Forget(()))
        stepping = Stepping(store)
        comparison = Comparison(stepping, random.Random(seed), die_in(store))
        for _ in range(30):
            comparison.step()
        comparison.look_at_everything()
        count += stepping.interrupted
        store.close()
    assert count > 1000


@pytest.mark.usefixtures("noting")
def test_a_commit_that_was_broken_off_is_uncertain_or_has_not_happened(tmp_path):
    store = SQLiteStore(tmp_path / "tasks.db")
    store.run(c.Forget(()))
    outcomes: Counter[str] = Counter()
    for number in range(1, 20):
        message = c.Message(f"m{number}", f"q{number}", b"x")
        connection = writing(store)
        try:
            interrupted(connection, number, "COMMIT".__eq__, partial(store.run, c.Enqueue((message,))))
        except EnqueueUncertain as error:
            outcomes["uncertain"] += error.ids == (message.id,)
        except OperationalError:
            outcomes["refused"] += 1
            assert store.run(c.Enqueue((message,))).fresh == (True,)
        else:
            outcomes["accepted"] += 1
        store.run(c.Enqueue((message,)))
        (stat,) = store.run(c.Stats((message.queue,)))
        assert stat.ready == 1
    store.close()
    assert outcomes["uncertain"], outcomes
    assert outcomes["accepted"], outcomes


def test_a_full_disk_refuses_wholly(tmp_path):
    store = SQLiteStore(tmp_path / "tasks.db")
    store.run(c.Forget(()))
    connection = writing(store)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 20}")
    batches = [tuple(c.Message(f"{number}:{part}", "q", b"x" * 3000) for part in range(3)) for number in range(100)]
    accepted = 0
    try:
        for batch in batches:
            store.run(c.Enqueue(batch))
            accepted += 3
    except OperationalError as error:
        why = str(error)
    assert "no space is left" in why
    assert 0 < accepted < 60
    (stat,) = store.run(c.Stats(("q",)))
    assert stat.ready == accepted
    connection.execute(f"PRAGMA max_page_count = {pages + 2000}")
    store.run(c.Enqueue(batch))
    (stat,) = store.run(c.Stats(("q",)))
    assert stat.ready == accepted + 3
    store.close()
