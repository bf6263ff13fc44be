"""The app of the chaos: tasks that tell the ledger, and return which they are and where they ran."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import time
from typing import Any

from celeriac.exceptions import OperationalError, SoftTimeLimitExceeded
from tests.chaos.load import SENT, task_id
from tests.worker.ledger import Kind
from tests.worker.tasks import app, end, ledger, start

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


@app.task(name="noop_once", acks_late=False)
def noop_once(number: int) -> tuple[int, int]:
    """Do nothing, and never twice."""
    start(number)
    return end(number), os.getpid()


@app.task(name="nap_once", acks_late=False)
def nap_once(number: int, seconds: float) -> tuple[int, int]:
    """Take a while, and never run twice."""
    start(number)
    time.sleep(seconds)
    return end(number), os.getpid()


class Alarm(Exception):
    """What this task's own signal handler raises, wherever that lands."""


def _raise(number: int, frame: Any) -> None:
    raise Alarm


@app.task(name="send_alarmed")
def send_alarmed(number: int) -> tuple[int, int]:
    """Send tasks until an alarm of its own lands, most likely in the middle of a call."""
    start(number)
    signal.signal(signal.SIGALRM, _raise)
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.002, 0.03))
        _send_on()
    except Alarm:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return end(number), os.getpid()


@app.task(name="send_limited", soft_time_limit=0.05)
def send_limited(number: int) -> tuple[int, int]:
    """Send tasks until the soft limit lands, most likely in the middle of a call."""
    with contextlib.suppress(SoftTimeLimitExceeded):
        start(number)  # a process that was frozen may be here when its limit has passed
        _send_on()
    return end(number), os.getpid()


def _send_on() -> None:
    """Send one task after another, and note those that were accepted."""
    for _ in itertools.count():
        sent = SENT + random.SystemRandom().randrange(SENT)
        try:
            noop.apply_async((sent,), task_id=task_id(sent))
        except OperationalError:
            time.sleep(0.01)
        else:
            ledger.note(Kind.ENQUEUED, sent)
