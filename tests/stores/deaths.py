"""How the holder of a lease dies, quickly; tests/stores/sqlite/test_liveness.py really kills."""

from __future__ import annotations

from celeriac.stores import contract as c
from celeriac.stores.sqlite import SQLiteStore
from celeriac.stores.sqlite.lockfile import open_lock_file


def free_lock(store: c.Store, lease: c.Lease) -> None:
    """In SQLite: what the kernel does when a process dies."""
    assert isinstance(store, SQLiteStore)
    lock = open_lock_file(f"{store.path}-lock")
    lock.drop(lease)
    lock.close()


def stop_heartbeat(store: c.Store, lease: c.Lease) -> None:
    """Where heartbeats are counted: nothing, for nobody sends one unless the test says so."""
