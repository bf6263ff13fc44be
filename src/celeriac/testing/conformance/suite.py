"""The parts of the suite put together."""

from __future__ import annotations

import random

import pytest

from celeriac.stores import contract as c
from celeriac.testing.comparison import compare
from celeriac.testing.conformance.chords import Chords
from celeriac.testing.conformance.claiming import Claiming
from celeriac.testing.conformance.delayed import Delayed
from celeriac.testing.conformance.delaying import Delaying
from celeriac.testing.conformance.enqueuing import Enqueuing
from celeriac.testing.conformance.finishing import Finishing
from celeriac.testing.conformance.inspecting import Inspecting
from celeriac.testing.conformance.leases import Leases
from celeriac.testing.conformance.letters import Letters
from celeriac.testing.conformance.reaping import Reaping
from celeriac.testing.conformance.results import Results
from celeriac.testing.conformance.revoking import Revoking
from celeriac.testing.conformance.sessions import Sessions
from celeriac.testing.conformance.sharing import Sharing
from celeriac.testing.conformance.watching import Watching


class StoreConformance(
    Enqueuing,
    Claiming,
    Finishing,
    Chords,
    Leases,
    Reaping,
    Delaying,
    Delayed,
    Letters,
    Revoking,
    Results,
    Sharing,
    Sessions,
    Inspecting,
    Watching,
):
    """Every sentence of the contract as a test. A subclass gives the fixture `store`: a fresh, empty store."""

    @pytest.fixture
    def store(self) -> c.Store:
        """An empty store, closed after the test."""
        raise NotImplementedError("the subclass names the store")

    def die(self, store: c.Store, lease: c.Lease) -> None:
        """Make the holder of an open lease die.

        Nothing need be done where heartbeats are counted, because no hand of the suite sends one unless the test says
        so. A store that itself knows who is dead must see it when this returns.
        """

    @pytest.mark.parametrize("seed", range(8))
    def test_a_random_sequence_has_the_replies_of_the_memory_store(self, store: c.Store, seed: int) -> None:
        compare(store, random.Random(seed), steps=80, die=self.die)
