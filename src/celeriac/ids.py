"""Where identities come from: task ids, lease epochs, and what names this process on this machine."""

from __future__ import annotations

import os
import socket
from functools import cache


def new_id() -> str:
    """A random UUID (version 4) as text, as Celery writes task ids.

    Built from the kernel's generator directly: `uuid.uuid4` spends three times as long on the object
    around the same sixteen bytes, and a producer makes two per message.
    """
    text = os.urandom(16).hex()
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"


def new_epoch() -> str:
    """A short random name for one lease: unique among all leases that a store will ever see."""
    return os.urandom(6).hex()


@cache
def hostname() -> str:
    """The name of this machine."""
    return socket.gethostname()


def origin() -> str:
    """Who sent a message, in Celery's form `gen<pid>@<host>`."""
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


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""
