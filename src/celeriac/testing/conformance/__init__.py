"""The store contract as tests: every store runs them, ours or not.

Needs pytest. In a test module, name the store and, where it knows by itself who is dead, how to kill:

    class TestMyStore(StoreConformance):
        @pytest.fixture
        def store(self):
            store = MyStore(...)          # empty
            yield store
            store.close()

        def die(self, store, lease):      # only if the store reports `Peer.dead`
            ...

One test says one sentence of `celeriac.stores.contract`; the last ones compare the store with the memory
store over random sequences of requests (`celeriac.testing.comparison`).
"""

from __future__ import annotations

import pytest

_PARTS = (
    *("enqueuing", "claiming", "finishing", "chords", "leases", "reaping", "delaying", "delayed", "letters"),
    *("revoking", "results", "sessions", "inspecting"),
)
pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in _PARTS))

from celeriac.testing.conformance.suite import StoreConformance  # noqa: E402

__all__ = ["StoreConformance"]
