"""The app that the workers of these tests serve; where, it reads from the environment."""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import json
import multiprocessing
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from celeriac import Celeriac
from celeriac.calls.context import current
from celeriac.worker.child.door import Door
from tests.worker.ledger import Kind, Ledger

app = Celeriac(
    "tests",
    broker=os.environ["TEST_BROKER"],
    worker_lease=float(os.environ.get("TEST_LEASE", "10")),
)
app.conf.update(json.loads(os.environ.get("TEST_SETTINGS", "{}")))
ledger = Ledger(os.environ["TEST_LEDGER"])
worker = int(os.environ.get("TEST_WORKER", "0"))
_library = ctypes.PyDLL(None)
"""The C library, called without letting go of the interpreter's lock."""


_accept = Door.accept


def _accept_and_note(self: Door, data: bytes) -> None:
    before = len(self.entries)
    _accept(self, data)
    ledger.note(Kind.FRAME, 0, worker, len(self.entries) - before)


Door.accept = _accept_and_note  # type: ignore[method-assign]
"""What a child is given at once, only its own end of the lane can tell."""


def start(number: int) -> None:
    """Write into the ledger that a task has begun, and how many deaths it was charged with before."""
    ledger.note(Kind.START, number, worker, current.get().crashes)


def end(number: int) -> int:
    """Write that it has ended."""
    ledger.note(Kind.END, number, worker)
    return number


@app.task(name="quick")
def quick(number: int) -> int:
    """Do nothing."""
    start(number)
    return end(number)


@app.task(name="slow")
def slow(number: int, seconds: float) -> int:
    """Take a while, or no time at all."""
    start(number)
    if seconds:
        time.sleep(seconds)
    return end(number)


@app.task(name="slow_async")
async def slow_async(number: int, seconds: float) -> int:
    """Take a while beside others."""
    start(number)
    await asyncio.sleep(seconds)
    return end(number)


@app.task(name="block_loop")
async def block_loop(number: int, fifo: str) -> int:
    """Wait like `gate`, but in the way that no other coroutine of the process moves meanwhile."""
    start(number)
    with open(fifo):
        return end(number)


@app.task(name="gate")
def gate(number: int, fifo: str) -> int:
    """Wait until somebody opens the other end of a named pipe."""
    start(number)
    with open(fifo):
        return end(number)


@app.task(name="speak", bind=True)
def speak(self: Any, number: int, fifo: str) -> int:
    """Say how far it is, and wait like `gate`; the second half is nobody's business any more if the lease is lost."""
    self.progress(1, 2, f"number {number}")
    start(number)
    with open(fifo):
        self.update_state(state="HALF", meta=number)
        return end(number)


@app.task(name="once", acks_late=False)
def once(number: int, seconds: float) -> int:
    """Take a while, and never run twice."""
    start(number)
    time.sleep(seconds)
    return end(number)


@app.task(name="hold_lock")
def hold_lock(number: int, seconds: float) -> int:
    """Sit in one call into C and keep the interpreter's lock, so that no thread of the process moves."""
    start(number)
    _library.usleep(int(seconds * 1e6))
    return end(number)


@app.task(name="backtrack")
def backtrack(number: int, length: int) -> int:
    """Burn the CPU in one call that no thread and no signal handler interrupts."""
    start(number)
    re.match("(a+)+$", "a" * length + "b")
    return end(number)


@app.task(name="crunch")
def crunch(number: int, rounds: int) -> int:
    """Burn the CPU in one call that no signal handler interrupts, beside the other threads."""
    start(number)
    hashlib.pbkdf2_hmac("sha256", b"", b"", rounds)
    return end(number)


@app.task(name="own_loop")
def own_loop(number: int, fifo: str) -> int:
    """Wait like `gate` within a loop of its own that listens to signals itself."""

    async def wait() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, lambda: None)
        start(number)
        await asyncio.to_thread(Path(fifo).read_bytes)

    asyncio.run(wait())
    return end(number)


@app.task(name="forker")
def forker(number: int) -> list[int | None]:
    """Fork two processes and tell them to end; their exit codes."""
    start(number)
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=time.sleep, args=(60,)) for _ in range(2)]
    for process in processes:
        process.start()
        process.terminate()
    for process in processes:
        process.join()
    end(number)
    return [process.exitcode for process in processes]


@app.task(name="self_signal")
def self_signal(number: int) -> int:
    """Have the process told to end a little later, by a signal that another thread than the main one takes."""

    def signal_this_thread() -> None:
        time.sleep(0.3)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    start(number)
    threading.Thread(target=signal_this_thread, daemon=True).start()
    return end(number)


@app.task(name="die")
def die(number: int) -> None:
    """Kill the process that runs it."""
    start(number)
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name="large")
def large(number: int, data: str, size: int) -> str:
    """Return a text of `size` characters, made by repeating the one it was given."""
    start(number)
    result = (data * (size // len(data) + 1))[:size]
    end(number)
    return result


@app.task(name="tick")
def tick(number: int, seconds: float) -> int:
    """Write an end every few milliseconds for a while."""
    start(number)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        end(number)
        time.sleep(0.002)
    return number


@app.task(name="helper")
def helper(number: int, fifo: str) -> int:
    """Start a program that waits at a named pipe, and one that is told to end; the exit code of the latter."""
    idler = subprocess.Popen(["sleep", "60"])
    with subprocess.Popen(["cat", fifo]) as reader:
        start(number)
        reader.wait()
    idler.terminate()
    end(number)
    return idler.wait()


@app.task(name="orphan")
def orphan(number: int) -> int:
    """Leave a process behind whose parent is gone; its pid."""
    start(number)
    done = subprocess.run(["sh", "-c", "sleep 0.05 & echo $!"], stdout=subprocess.PIPE, check=True)
    return int(done.stdout)
