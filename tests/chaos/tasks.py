"""The app of the chaos: tasks that tell the ledger, and return which they are and where they ran."""

from __future__ import annotations

import os
import time

from tests.worker.tasks import app, end, start

app.conf.worker_crash_limit = 1_000_000
"""Whoever kills at random may well hit a task three times: that is not what is tested here."""


@app.task(name="noop")
def noop(number: int) -> tuple[int, int]:
    """Do nothing."""
    start(number)
    return end(number), os.getpid()


@app.task(name="nap")
def nap(number: int, seconds: float) -> tuple[int, int]:
    """Take a while."""
    start(number)
    time.sleep(seconds)
    return end(number), os.getpid()
