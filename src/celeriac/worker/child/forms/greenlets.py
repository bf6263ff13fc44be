"""Plain tasks on greenlets, the standard library patched so that waiting lets the others run.

The patch must come before the app is imported, so it is the zygote's first act. `async def` tasks run as
everywhere in an event loop on a thread of their own, a native one, whose waits are its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from celeriac.exceptions import CeleriacError, TaskRevokedError
from celeriac.worker.child.door import LEASE_POLL, Door, Entry
from celeriac.worker.child.executor import Executor
from celeriac.worker.child.guards.greenlet import GreenletGuard
from celeriac.worker.child.memory import Memory

monotonic = time.monotonic


class GeventMissing(CeleriacError):
    """The package gevent is not installed."""

    code = "C102"
    hint = "pip install 'celeriac[gevent]'"
    tells_hint = True


def patch() -> None:
    """Patch the standard library, but for what forking children needs as it is."""
    try:
        from gevent import monkey
    except ImportError as error:
        raise GeventMissing("the pool gevent needs the package gevent") from error
    monkey.patch_all(os=False, signal=False)


def run_greenlets(door: Door, executor: Executor, width: int, memory: Memory | None = None) -> None:
    """Run up to `width` plain tasks side by side until the core closes the socket."""
    import gevent
    from gevent import monkey

    gevent.reinit()
    monkey.patch_os()
    monkey.patch_signal()
    Greenlets(door, executor, width, memory).run()


def start_native_thread(run: Callable[..., Any], *arguments: Any) -> None:
    """Start a thread of the system's, where `threading` makes greenlets."""
    from gevent import monkey

    monkey.get_original("_thread", "start_new_thread")(run, arguments)


class Greenlets:
    """What the greenlets of a child share."""

    def __init__(self, door: Door, executor: Executor, width: int, memory: Memory | None) -> None:
        import gevent

        self._gevent = gevent
        self._door = door
        self._executor = executor
        self._width = width
        self._memory = memory
        self._guards: dict[int, GreenletGuard] = {}
        door.cancel = self._cancel

    def run(self) -> None:
        """Until the core closes the socket, and what runs has ended."""
        while self._door.wait_for_frames():
            self._start()
        self._gevent.joinall([guard.greenlet for guard in self._guards.values()])

    def _start(self) -> None:
        """Begin what may begin."""
        door = self._door
        while len(self._guards) < self._width:
            entry = door.take(self._register)
            if entry is None:
                if door.entries and door.held_up and not door.lane.retiring:
                    self._gevent.spawn_later(LEASE_POLL, self._start)
                return
            guard = self._guards[entry[0]]
            guard.greenlet = self._gevent.spawn(self._one, entry, guard)

    def _register(self, number: int) -> None:
        self._guards[number] = GreenletGuard(self._gevent.get_hub())

    def _cancel(self, number: int, reason: str) -> None:
        guard = self._guards.get(number)
        if guard is not None:
            guard.end(TaskRevokedError(reason))

    def _one(self, entry: Entry, guard: GreenletGuard) -> None:
        number, queue, raw, verdict = entry
        started = monotonic()
        executor = self._executor
        judged = executor.execute(raw, queue, guard) if verdict is None else executor.verdict(verdict)
        self._door.put(number, monotonic() - started, judged)
        del self._guards[number]
        if self._memory is not None:
            self._memory.look()
        self._start()
        if not self._door.entries:
            self._door.notify()
