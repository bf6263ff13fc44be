"""File descriptors: the three standard ones are there, and there are enough of the others."""

from __future__ import annotations

import contextlib
import os
import resource
import sys

from celeriac.exceptions import ImproperlyConfigured

_MINIMUM, _USUAL = (34, 4), (64, 8)
"""What a worker needs at least, and what leaves room for stores and for children that are being replaced: its own, and
for each child."""


def open_standard() -> None:
    """Put nothing in the place of standard streams that were closed, as cron and some supervisors start programs.

    What is opened next would get their numbers, and be written to by whoever prints.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            nothing = os.open(os.devnull, os.O_RDWR)
            if nothing != number:
                os.dup2(nothing, number)
                os.close(nothing)
            os.set_inheritable(number, True)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - it stays open
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def ask_for(children: int) -> None:
    """Have this process, and all forked from it, open enough files for so many children.

    Raises `ImproperlyConfigured` where the system does not allow it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    minimum, usual = (own + each * children for own, each in (_MINIMUM, _USUAL))
    if soft == resource.RLIM_INFINITY or soft >= usual:
        return
    allowed = usual if hard == resource.RLIM_INFINITY else min(usual, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    if soft < minimum:
        raise ImproperlyConfigured(
            f"a worker with {children} {'child' if children == 1 else 'children'} opens up to {minimum} files, "
            f"and the system allows {soft}: raise `ulimit -n`, or lower --concurrency"
        )
