"""The launcher, as `celeriac worker` becomes it."""

from __future__ import annotations

import gc

# Until the fork: what a collection frees is holes in the pages that core and children share, and each copies a page
# to fill one. `launch` turns it on again.
gc.disable()

import contextlib
import sys

from celeriac.worker.launcher import launch
from celeriac.worker.order import Order
from celeriac.worker.pidfile import Pidfile


def main() -> int:
    """Be a worker to its end; the exit code."""
    order = Order.received()
    sys.path[:] = order.path
    with contextlib.nullcontext() if order.pidfile is None else Pidfile(order.pidfile):
        return launch(order.options)


if __name__ == "__main__":
    sys.exit(main())
