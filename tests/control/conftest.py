"""What an operator's doors are tried on."""

from __future__ import annotations

import pytest

from celeriac import Celeriac
from celeriac.stores import contract as c


@pytest.fixture
def app(on_each_store: Celeriac) -> Celeriac:
    """An app on each store in turn."""
    return on_each_store


@pytest.fixture
def served(on_each_store: Celeriac) -> Celeriac:
    """With a worker there: without one, Redis holds nothing back, and Celery's ETA message goes into the queue."""
    lease, record = c.Lease("worker", "epoch"), c.WorkerRecord(queues=("celery",))
    on_each_store.store.run(c.OpenLease(lease, record))
    return on_each_store
