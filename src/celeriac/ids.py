"""Where identities come from: task ids, lease epochs, and what names this process on this machine."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from functools import cache


def new_id() -> str:
    """A random UUID (version 4) as text, as Celery writes task ids.

    Made two hundred at a time: a producer needs two a message, and the system call and the `UUID` object of
    `uuid.uuid4` cost it 2 microseconds each, a third of what a message costs in all.
    """
    try:
        return _stock.pop()
    except IndexError:
        _stock.extend(_make_ids(200))
        return new_id()


def _make_ids(count: int) -> Iterator[str]:
    text = os.urandom(16 * count).hex()
    for at in range(0, 32 * count, 32):
        one = text[at : at + 32]
        yield f"{one[:8]}-{one[8:12]}-4{one[13:16]}-{_VARIANTS[one[16]]}{one[17:20]}-{one[20:]}"


_stock: list[str] = []
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def stamped_id(now: float) -> str:
    """A UUID that tells when it was made, to the millisecond (version 7, RFC 9562); `now` in seconds since 1970."""
    global _stamp
    milliseconds, stamp = int(now * 1000), _stamp
    if stamp[0] != milliseconds:
        # Written once a millisecond, not once a message.
        stamp = _stamp = milliseconds, f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7"
    return stamp[1] + new_id()[15:]


_stamp = (-1, "")


def read_stamp(text: str) -> float | None:
    """When such an id was made, in seconds since 1970; None for any other text."""
    if len(text) != 36 or text[14] != "7":
        return None
    try:
        return int(text[:8] + text[9:13], 16) / 1000
    except ValueError:
        return None


def derived_id(text: str) -> str:
    """The id that a task called on behalf of another gets: the same for the same text, so it exists once."""
    return str(uuid.uuid5(_DERIVED, text))


_DERIVED = uuid.UUID("5f0c7c52-9f5e-4c1c-9d63-3b6a1d0c6f2e")


def random_below(limit: int) -> int:
    """A random integer from 0 to `limit` - 1, from the kernel: forked children must not draw the same."""
    return int.from_bytes(os.urandom(8)) % limit


def new_epoch() -> str:
    """A short random name for one lease: unique among all leases that a store will ever see."""
    return os.urandom(6).hex()


@cache
def hostname() -> str:
    """The name of this machine."""
    import socket

    return socket.gethostname()


@cache
def origin() -> str:
    """Who sends messages here, in Celery's form `gen<pid>@<host>`."""
    return f"gen{os.getpid()}@{hostname()}"


@cache
def boot_id() -> str:
    """The id of this boot of the kernel, or an empty string where the system has none."""
    return _read("/proc/sys/kernel/random/boot_id")


@cache
def pid_namespace() -> str:
    """The PID namespace of this process: two processes can compare pids only when it is the same."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def process_start(pid: int) -> int:
    """When a process was started, in clock ticks after boot; 0 when there is no such process, or a dead one.

    A pid alone names nobody, because the kernel reuses it; a pid with its start does (proc(5), field 22).
    """
    stat = _read(f"/proc/{pid}/stat")
    fields = stat[stat.rindex(")") :].split() if stat else []
    return int(fields[20]) if fields and fields[1] not in ("Z", "X") else 0


def _after_fork() -> None:
    """A child is somebody else: it must not give out the ids that its parent will."""
    _stock.clear()
    origin.cache_clear()


os.register_at_fork(after_in_child=_after_fork)


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""
