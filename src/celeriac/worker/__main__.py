"""The launcher, as `celeriac worker` becomes it."""

from __future__ import annotations

import gc

# Until the fork: what a collection frees is holes in the pages that core and children share, and each copies a page
# to fill one. `launch` turns it on again.
gc.disable()

import contextlib
import signal
import sys

from celeriac.worker.launch_spec import LaunchSpec
from celeriac.worker.pools import with_kind
from celeriac.worker.processes.launcher import launch
from celeriac.worker.system.pidfile import Pidfile


def main() -> int:
    """Be a worker to its end; the exit code."""
    order = LaunchSpec.received()
    sys.path[:] = order.path
    with contextlib.nullcontext() if order.pidfile is None else Pidfile(order.pidfile):
        end = launch(order.options)
        if isinstance(end, int):
            return end
        # Only the launcher waits for it; a worker that is one process passes on to others what it has blocked.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        return LaunchSpec(with_kind(order.options, end), order.pidfile, order.path).execute()


if __name__ == "__main__":
    sys.exit(main())
