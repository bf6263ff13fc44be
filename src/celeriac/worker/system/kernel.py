"""What a process asks of the kernel and of the C library."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGE = 4 << 20


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent dies (prctl(2)); Linux only, elsewhere nothing."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have died before the request took effect.
    if os.getppid() != parent:
        os._exit(1)


def give_back_what_is_large() -> None:
    """Let glibc map what is larger than 4 MiB, and unmap it when it is freed (mallopt(3)); elsewhere nothing.

    By itself it raises that threshold to the largest piece it has ever freed, and keeps up to twice as much:
    50 MB in a core that has passed on one message of 20 MB.
    """
    if sys.platform != "linux":
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_MMAP_THRESHOLD, _LARGE)
        set_option(_M_TRIM_THRESHOLD, _LARGE)
