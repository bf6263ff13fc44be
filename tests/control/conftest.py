"""What an operator's doors are tried on."""

from __future__ import annotations

import pytest

from celeriac import Celeriac
from celeriac.store import contract as c


@pytest.fixture
def app(on_each_store: Celeriac) -> Celeriac:
    return on_each_store


@pytest.fixture
def served(app: Celeriac) -> None:
    """A worker is there: without one, Redis holds nothing back, and Celery's ETA message goes into the queue."""
    app.store.run(c.OpenLease(c.Lease("worker", "epoch"), c.WorkerRecord(queues=("celery",))))
