"""The store in one SQLite file: no server, full durability, dead workers noticed by the kernel."""

from celeriac.stores.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
