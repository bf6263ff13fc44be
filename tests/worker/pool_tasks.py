"""The app of the tests of pools: tasks that misbehave, and the same as coroutines (with an `a` before the name)."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from celeriac.calls.context import current
from tests.worker.tasks import app, end, start

app.conf.task_publish_deadline = 5.0
_STEP = 0.02
_kept: list[bytes] = []


@app.task(name="nap")
def nap(number: int, seconds: float) -> int:
    """Take a while."""
    start(number)
    time.sleep(seconds)
    return end(number)


@app.task(name="anap")
async def anap(number: int, seconds: float) -> int:
    """Take a while."""
    start(number)
    await asyncio.sleep(seconds)
    return end(number)


def stay(number: int) -> int:
    """Take for ever, in steps that leave room for an exception."""
    start(number)
    while True:
        time.sleep(_STEP)


async def astay(number: int) -> int:
    """The same."""
    start(number)
    while True:
        await asyncio.sleep(_STEP)


app.task(name="stay")(stay)
app.task(name="astay")(astay)
app.task(name="linger", soft_time_limit=0.4)(stay)
app.task(name="alinger", soft_time_limit=0.4)(astay)
app.task(name="overrun", time_limit=0.6)(stay)
app.task(name="aoverrun", time_limit=0.6)(astay)


@app.task(name="deaf", time_limit=0.5)
def deaf(number: int) -> int:
    """Run over its limit and hear nothing of it."""
    start(number)
    until = time.monotonic() + 4
    while time.monotonic() < until:
        try:
            time.sleep(until - time.monotonic())
        except BaseException:
            continue
    return end(number)


@app.task(name="adeaf", time_limit=0.5)
async def adeaf(number: int) -> int:
    """The same, but for the loop it runs in, which goes on."""
    start(number)
    until = time.monotonic() + 4
    while time.monotonic() < until:
        try:
            await asyncio.sleep(until - time.monotonic())
        except BaseException:
            continue
    return end(number)


@app.task(name="where")
def where(number: int) -> int:
    """Return the process that ran it."""
    start(number)
    end(number)
    return os.getpid()


@app.task(name="awhere")
async def awhere(number: int) -> int:
    """The same."""
    return where(number)


@app.task(name="grow")
def grow(number: int, megabytes: int) -> int:
    """Keep so much for good."""
    _kept.append(b"x" * (megabytes << 20))
    return where(number)


@app.task(name="agrow")
async def agrow(number: int, megabytes: int) -> int:
    """The same."""
    return grow(number, megabytes)


def fall(number: int) -> int:
    """Kill the process, once."""
    start(number)
    if not current.get().delivery_info["redelivered"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return end(number)


async def afall(number: int) -> int:
    """The same."""
    return fall(number)


app.task(name="fall")(fall)
app.task(name="afall")(afall)
