"""Passwords on the command line: whoever may list processes could read them there."""

from __future__ import annotations

import contextlib
import ctypes

from celeriac.config.secrets import blanked

_ARG_START = 48
"""Where proc(5) has the address of the arguments, in /proc/self/stat; counted from 1."""


def hide_passwords() -> None:
    """Write stars over the passwords of URLs among this process's arguments, where the system shows them.

    `sys.argv` keeps them. What a process shows is its own memory; where there is no /proc, nothing is done.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        with open("/proc/self/cmdline", "rb") as file:
            shown = file.read()
        with open("/proc/self/stat") as file:
            # Behind the name, which may hold anything, comes the third field.
            address = int(file.read().rpartition(")")[2].split()[_ARG_START - 3])
        # One character a byte, so that what is written is as long as what was there.
        hidden = b"\0".join(blanked(one.decode("latin-1")).encode("latin-1") for one in shown.split(b"\0"))
        if address and hidden != shown:
            ctypes.memmove(address, hidden, len(hidden))
