"""Every store of ours gives the replies of the memory store, whatever it is asked."""

from __future__ import annotations

import contextlib
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from celeriac.stores import contract as c
from celeriac.stores.contract.store import R
from celeriac.stores.memory import MemoryStore
from celeriac.stores.redis import RedisStore
from celeriac.stores.sqlite import SQLiteStore
from celeriac.testing.comparison import compare
from tests.stores.deaths import free_lock, stop_heartbeat

STEPS = st.integers(min_value=1, max_value=120)
SOURCES = st.randoms(use_true_random=False)

SMALL = settings(max_examples=30, deadline=None, derandomize=True)

SEEDS = range(200)
"""Of these the first hundred found what thirty short histories had missed."""

pytestmark = pytest.mark.timeout(400)
"""A difference takes its time to be told in the shortest way."""


@SMALL
@given(source=SOURCES, steps=STEPS)
def test_memory(source: random.Random, steps: int) -> None:
    compare(MemoryStore(), source, steps, stop_heartbeat)


@SMALL
@given(source=SOURCES, steps=STEPS)
def test_sqlite(source: random.Random, steps: int) -> None:
    with _sqlite() as store:
        compare(store, source, steps, free_lock)


@SMALL
@given(source=SOURCES, steps=STEPS)
def test_redis(new_redis_url: Callable[[], str], source: random.Random, steps: int) -> None:
    store = RedisStore(new_redis_url())
    try:
        compare(store, source, steps, stop_heartbeat)
    finally:
        store.close()


@pytest.mark.slow
def test_long_histories_on_sqlite() -> None:
    for seed in SEEDS:
        with _sqlite() as store:
            compare(store, random.Random(seed), 120, free_lock)


@pytest.mark.slow
def test_long_histories_on_redis(new_redis_url: Callable[[], str]) -> None:
    for seed in SEEDS:
        with contextlib.closing(RedisStore(new_redis_url())) as store:
            compare(store, random.Random(seed), 120, stop_heartbeat)


@pytest.mark.slow
def test_long_histories_on_redis_where_all_keys_have_a_prefix(new_redis_url: Callable[[], str]) -> None:
    for seed in SEEDS[:20]:
        queues, results = new_redis_url(), new_redis_url()
        with contextlib.closing(RedisStore(queues, results, key_prefix="{our} *:", results_prefix="res")) as store:
            compare(store, random.Random(seed), 120, stop_heartbeat)
        for url, beginning in ((queues, b"{our} *:"), (results, b"res_celery-task")):
            with redis.Redis.from_url(url) as server:
                assert all(key.startswith(beginning) for key in server.keys("*"))


def test_a_difference_is_found() -> None:
    with pytest.raises(AssertionError, match=r"expected (.*)\nbut got  (?!\1\n).*\nafter\n"):
        compare(_Forgetful(), random.Random(1), 300, stop_heartbeat)


class _Forgetful(MemoryStore):
    """A store that loses its results whenever a claim is released."""

    def run(self, request: c.Request[R], *, deadline: float | None = None) -> R:
        if isinstance(request, c.Release):
            self.state.results.clear()
        return super().run(request)


@contextlib.contextmanager
def _sqlite() -> Iterator[SQLiteStore]:
    with tempfile.TemporaryDirectory() as folder:
        store = SQLiteStore(Path(folder) / "tasks.db")
        try:
            yield store
        finally:
            store.close()
