"""Counting semaphores that several processes share, in memory that they share."""

from __future__ import annotations

import ctypes
import sys
from _multiprocessing import SemLock  # type: ignore[import-not-found]
from typing import Any, Protocol

if sys.platform != "linux":
    from multiprocessing import get_context

ROOM = 64
"""Bytes for one of them: `sem_t` takes half of it."""

_COUNTING = 1
_MOST = 2**31 - 1

_kept: list[Any] = []
"""The interpreter would close them as if they had names, which not every C library takes well."""


class Semaphore(Protocol):
    """What lanes need of one."""

    def acquire(self, block: bool = True) -> bool:
        """Take one; with `block` false only if there is one now."""

    def release(self) -> None:
        """Put one."""


def semaphore_in(memory: memoryview, *, new: bool) -> Semaphore:
    """The semaphore in this memory, `new` by the first who uses it.

    On Linux it is made there with sem_init(3), and used through the interpreter's own `SemLock`: no name to
    clean up, and no file. Elsewhere processes share it by being forked from each other.
    """
    if sys.platform != "linux":
        forked: Semaphore = get_context("fork").Semaphore(0)
        return forked
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    if new and ctypes.CDLL(None, use_errno=True).sem_init(ctypes.c_void_p(address), 1, 0):
        raise OSError(ctypes.get_errno(), "sem_init failed")
    semaphore: Semaphore = SemLock._rebuild(address, _COUNTING, _MOST, None)
    _kept.append(semaphore)
    return semaphore
