"""The store in memory: the contract in executable form, and the store of tests. One process, no durability."""

from celeriac.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]
