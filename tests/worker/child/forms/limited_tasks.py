"""The app of the tests of each form of pool."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import threading
import time

from celeriac import Celeriac
from celeriac.exceptions import SoftTimeLimitExceeded

app = Celeriac("forms", broker=os.environ["TEST_BROKER"], **json.loads(os.environ.get("TEST_SETTINGS", "{}")))


def where() -> list[object]:
    """Process and thread, as numbers; and whether the standard library is patched for greenlets."""
    return [os.getpid(), threading.get_ident(), "gevent.monkey" in sys.modules]


@app.task(name="quick")
def quick(value):
    """Give back what came."""
    return value


@app.task(name="place")
def place():
    """Say where tasks run."""
    return where()


@app.task(name="aplace")
async def aplace():
    """Say where coroutines run."""
    await asyncio.sleep(0)
    return where()


@app.task(name="tell_and_nap")
def tell_and_nap(path, seconds):
    """Make an empty file, and take a while."""
    with open(path, "x"):
        time.sleep(seconds)


@app.task(name="nap")
def nap(seconds):
    """Wait in short steps, so that threads hear of their end."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        time.sleep(0.005)
    return seconds


@app.task(name="anap")
async def anap(seconds):
    """Wait as a coroutine."""
    await asyncio.sleep(seconds)
    return seconds


@app.task(name="careful")
def careful(seconds):
    """Wait, and clean up when told to end."""
    try:
        return nap.run(seconds)
    except SoftTimeLimitExceeded:
        return "cleaned up"


@app.task(name="acareful")
async def acareful(seconds):
    """The same as a coroutine."""
    try:
        return await anap.run(seconds)
    except SoftTimeLimitExceeded:
        return "cleaned up"


@app.task(name="fork")
def fork():
    """Fork, and come back twice."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return "parent"
    return "copy"


@app.task(name="grow")
def grow(megabytes):
    """Keep so much memory for good."""
    kept.append(bytearray(os.urandom(1 << 20)) * megabytes)
    return os.getpid()


kept: list[bytearray] = []


@app.task(name="deaf")
def deaf(seconds):
    """Sit in one call that no exception from outside interrupts."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with contextlib.suppress(BaseException):
            time.sleep(0.2)
    return "never heard"
