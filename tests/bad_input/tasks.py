"""What is done to the processes of a worker here, one task a deed."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import resource
import signal
import sys
import threading
import time
from typing import Any

from celeriac import Celeriac

app = Celeriac("bad", broker=os.environ["TEST_BROKER"], task_unknown_timeout=0, result_max_bytes=30_000_000)
leaked: list[Any] = []
"""What tasks have left behind in their child."""


@app.task(name="good")
def good(number: int) -> tuple[int, int]:
    """Do what is wanted."""
    return number, 2 * number


@app.task(name="length")
def length(data: Any) -> int:
    """How much has arrived."""
    return len(data)


@app.task(name="echo")
def echo(value: Any) -> Any:
    """Give back what was given."""
    return value


# -- results ---------------------------------------------------------------------------------


class Hostile:
    """Everything that can be asked of it raises."""

    def __repr__(self) -> str:
        raise SystemExit("repr")

    __str__ = __repr__

    def __json__(self) -> Any:
        raise ZeroDivisionError("json")


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


def _depth(levels: int) -> list[Any]:
    deep: list[Any] = []
    for _ in range(levels):
        deep = [deep]
    return deep


RESULTS: dict[str, Any] = {
    "object": object,
    "set": lambda: {1, 2},
    "circle": _circle,
    "deep": lambda: _depth(100_000),
    "hostile": Hostile,
    "tuple keys": lambda: {(1, 2): 3},
    "huge number": lambda: 10**5000,
    "function": lambda: _circle,
    "too large": lambda: "x" * 30_000_000,
}


@app.task(name="result", autoretry_for=(Exception,), retry_kwargs={"countdown": 0})
def result(kind: str) -> Any:
    """Return something that cannot be stored; running again would not help."""
    return RESULTS[kind]()


# -- exceptions ------------------------------------------------------------------------------


class Unpicklable(Exception):
    """Cannot be copied, shown, or made again from its arguments."""

    def __init__(self, *, lock: Any) -> None:
        super().__init__("quiet", lock)
        self.lock = lock

    def __reduce__(self) -> Any:
        raise TypeError("no")

    def __str__(self) -> str:
        raise SystemExit("str")

    __repr__ = __str__


class FalseArguments(Exception):
    """Says of its arguments what is no list."""

    args = property(lambda self: 1 / 0)


def _in_a_circle() -> Exception:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    return first


def _nested() -> Exception:
    error: Exception = ValueError("inside")
    for _ in range(3000):
        error = ExceptionGroup("group", [error])
    return error


ERRORS: dict[str, Any] = {
    "unpicklable": lambda: Unpicklable(lock=threading.Lock()),
    "hostile argument": lambda: ValueError(Hostile()),
    "false arguments": lambda: FalseArguments("x"),
    "circle": _in_a_circle,
    "nested": _nested,
    "ten megabytes": lambda: ValueError("x" * 10_000_000),
    "surrogates": lambda: ValueError("\ud800"),
    "local": lambda: type("Local", (Exception,), {"__module__": None})("mine"),
    "exit": lambda: SystemExit(3),
    "interrupt": KeyboardInterrupt,
    "generator exit": GeneratorExit,
}


@app.task(name="error")
def error(kind: str) -> None:
    """Raise."""
    raise ERRORS[kind]()


@app.task(name="error_async")
async def error_async(kind: str) -> None:
    """Raise beside others."""
    await asyncio.sleep(0)
    raise ERRORS[kind]()


# -- ends ------------------------------------------------------------------------------------

ENDS: dict[str, Any] = {
    "_exit": lambda: os._exit(0),
    "abort": os.abort,
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segfault": lambda: ctypes.string_at(0),
    "close all": lambda: os.closerange(0, 4096),
}


@app.task(name="end")
def end(how: str) -> str:
    """End the process, or take from it what it lives by."""
    ENDS[how]()
    return "not ended"


@app.task(name="spin", soft_time_limit=0.3)
def spin() -> None:
    """Never end by itself."""
    while True:
        pass


@app.task(name="spin_in_vain", time_limit=0.5)
def spin_in_vain() -> None:
    """Never end, whatever is said."""
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(1)


# -- processes -------------------------------------------------------------------------------


@app.task(name="fork")
def fork(how: str) -> str:
    """Go on as two."""
    child = os.fork()
    if child == 0:
        if how == "raise":
            raise ValueError("in the copy")
        if how == "exit":
            sys.exit(3)
        return "copy"
    os.waitpid(child, 0)
    return "original"


@app.task(name="fork_and_leave")
def fork_and_leave() -> int:
    """Leave a process behind that outlives the task, with everything it inherited."""
    child = os.fork()
    if child == 0:
        time.sleep(2)
        os._exit(0)
    return child


def _address_space() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


@app.task(name="eat_memory")
def eat_memory() -> None:
    """Ask for more than this process may have."""
    used = _address_space()
    usual = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), usual[1]))
    try:
        eaten = []
        while True:
            eaten.append(bytearray(1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, usual)


@app.task(name="keep_no_memory")
def keep_no_memory() -> str:
    """Leave the process without any memory to get, for good."""
    used = _address_space()
    resource.setrlimit(resource.RLIMIT_AS, (used + (4 << 20), used + (4 << 20)))
    with contextlib.suppress(MemoryError):
        while True:
            leaked.append(bytearray(1 << 16))
    return "x" * 1000


@app.task(name="eat_descriptors")
def eat_descriptors(keep: bool) -> int:
    """Open files until no more can be opened."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    files = []
    try:
        while True:
            files.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        if keep:
            return len(files)
        raise
    finally:
        if not keep:
            for file in files:
                os.close(file)


@app.task(name="upset")
def upset(what: str) -> str:
    """Leave the process other than it was found."""
    if what == "signals":
        for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
    elif what == "folder":
        os.chdir("/")
    elif what == "recursion":
        sys.setrecursionlimit(80)
    elif what == "deep":
        sys.setrecursionlimit(10**6)
    elif what == "streams":
        sys.stdout = sys.stderr = None
    elif what == "mask":
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))
    return what
