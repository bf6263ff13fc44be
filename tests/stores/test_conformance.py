"""Every store of ours keeps the contract. A new store gets a class here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from celeriac.stores import contract as c
from celeriac.stores.memory import MemoryStore
from celeriac.stores.redis import RedisStore
from celeriac.stores.sqlite import SQLiteStore
from celeriac.testing.conformance import StoreConformance
from tests.stores.deaths import free_lock


class TestMemory(StoreConformance):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()


class TestSQLite(StoreConformance):
    @pytest.fixture
    def store(self, tmp_store_path: Path) -> Iterator[SQLiteStore]:
        store = SQLiteStore(tmp_store_path)
        yield store
        store.close()

    def die(self, store: c.Store, lease: c.Lease) -> None:
        free_lock(store, lease)


class TestRedis(StoreConformance):
    @pytest.fixture
    def store(self, redis_url: str) -> Iterator[RedisStore]:
        store = RedisStore(redis_url)
        yield store
        store.close()
