"""For tests: a worker inside the test's own process, and the conformance suite of stores.

`start_worker(app)` is a context manager; what a test patches, its tasks see. `celeriac.testing.conformance`
needs pytest.
"""

from celeriac.worker.processes.inprocess import InProcessWorker as start_worker

__all__ = ["start_worker"]
