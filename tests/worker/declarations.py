"""The app of the tests of delivery: a task for each thing that a task can declare about it."""

from __future__ import annotations

import time
from itertools import product
from typing import Any

from celeriac.calls.context import current
from tests.worker.tasks import app, end, start


def run_long_once(number: int) -> int:
    """The first time take longer than any test waits; delivered again, return at once."""
    start(number)
    if not current.get().delivery_info["redelivered"]:
        time.sleep(60)
    return end(number)


def declare(late: str, reject: str) -> Any:
    """Register the task."""
    values = {"unset": None, "True": True, "False": False}
    options: dict[str, Any] = {"acks_late": values[late], "reject_on_worker_lost": values[reject]}
    return app.task(name=f"late {late}, reject {reject}", **options)(run_long_once)


TASKS = [declare(late, reject) for late, reject in product(("unset", "True", "False"), repeat=2)]


@app.task(name="retried when lost", retry_on_worker_lost=True, default_retry_delay=0.1, max_retries=1)
def retried(number: int) -> None:
    """Never end by itself."""
    start(number)
    time.sleep(60)
