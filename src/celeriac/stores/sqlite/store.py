"""The doors of the SQLite store."""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from celeriac.clock import SYSTEM_CLOCK, Clock
from celeriac.exceptions import ImproperlyConfigured, OperationalError
from celeriac.interrupts import Turn, holding
from celeriac.message.format import PLAIN, Format
from celeriac.stores import contract as c
from celeriac.stores.sqlite.engine import Engine
from celeriac.stores.sqlite.requests import only_reads
from celeriac.stores.sqlite.transaction import Keeping
from celeriac.stores.sqlite.waiting import wait_for_results
from celeriac.stores.sqlite.wake import NEWS, WORKER

if TYPE_CHECKING:
    import asyncio

    from celeriac.stores.sqlite.awaited import Awaited

# What is awaited imports asyncio: a program that only sends does without it.

R = TypeVar("R")

DEADLINE_SECONDS = 2.0
"""How long `run` waits where nobody says how long, as with Redis: a process that stands still may hold the file."""


class SQLiteStore:
    """A store in one file of this machine, for any number of processes.

    What was enqueued or finished survives a loss of power. A worker that dies is noticed by the others at
    their next heartbeat, because the kernel frees its lock; one that is merely stopped keeps what it holds. The
    file is opened when first needed, and anew when it has been deleted or replaced. Results are kept for
    `result_seconds` (a day by default, 0 for ever). Forks, threads and several stores of one file in one
    process are allowed; network file systems are refused with `ImproperlyConfigured`.
    """

    lease_seconds = 10.0
    heartbeat_seconds = 0.5
    expiring = False
    shared = True
    format: Format = PLAIN
    kombu: c.Kombu | None = None

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        result_seconds: int = 86400,
        dead_limit: int = c.DEAD_LETTER_LIMIT,
        dead_seconds: float = c.DEAD_LETTER_SECONDS,
        failed_limit: int = c.FAILED_LIMIT,
        failed_seconds: float = c.FAILED_SECONDS,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if os.fspath(path) in ("", ":memory:"):
            raise ImproperlyConfigured("the SQLite store needs a file; for a store in memory use memory://")
        self.path = os.path.abspath(path)
        self.url = f"sqlite:///{self.path}"
        self._keeping = Keeping(result_seconds, dead_limit, dead_seconds, failed_limit, failed_seconds)
        self._clock = clock
        self._open: Engine | None = None
        self._was_open = False
        self._awaited: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Awaited] = weakref.WeakKeyDictionary()

    def run(self, request: c.Request[R], *, deadline: float | None = None) -> R:
        """Perform a request, waiting at most `deadline` seconds (default 2) for other processes to let go of the file.

        Raises `OperationalError` when they do not or the disk is full, `EnqueueUncertain` when the disk failed
        in the middle, `ImproperlyConfigured` when there can be no database at this path.
        """
        seconds = DEADLINE_SECONDS if deadline is None else deadline
        return self._engine(seconds).run(request, seconds)

    def run_many(self, requests: Iterable[c.Request[R]], *, deadline: float | None = None) -> list[R]:
        """One after the other: there is no way to a file that could be filled while waiting."""
        return [self.run(request, deadline=deadline) for request in requests]

    async def arun(self, request: c.Request[R], *, deadline: float | None = None) -> R:
        """The same without blocking the event loop."""
        import asyncio

        if only_reads(request) or self._open is None:
            return await asyncio.to_thread(self.run, request, deadline=deadline)
        loop = asyncio.get_running_loop()
        arrived = loop.create_future()

        def arrive() -> None:
            if not arrived.done():
                arrived.set_result(None)

        def done() -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed
                loop.call_soon_threadsafe(arrive)

        writer = self._engine(deadline).writer
        entry = writer.submit(request, done)
        finished, _ = await asyncio.wait((arrived,), timeout=deadline)
        if not finished:
            writer.withdraw(entry, deadline)
            await arrived
        return entry.result()

    def wait_results(
        self, tasks: tuple[str, ...], timeout: float | None, minimum: int | None = None
    ) -> tuple[bytes | None, ...]:
        """Wait on a socket that whoever writes results sends to."""
        return wait_for_results(tasks, timeout, minimum, self._read, self._engine(timeout).bells, self._clock)

    def _read(self, tasks: tuple[str, ...]) -> tuple[bytes | None, ...]:
        return self.run(c.ReadResults(tasks))

    async def await_results(self, tasks: tuple[str, ...], timeout: float | None) -> tuple[bytes | None, ...]:
        """The same; the coroutines of a loop share one socket."""
        import asyncio

        from celeriac.stores.sqlite.awaited import Awaited

        found = await self.arun(c.ReadResults(tasks), deadline=timeout)
        final = tuple(each if each is not None and c.is_final(each) else None for each in found)
        if None not in final or (timeout is not None and timeout <= 0):
            return final
        loop = asyncio.get_running_loop()
        awaited = self._awaited.get(loop)
        if awaited is None:
            bells = (await asyncio.to_thread(self._engine, timeout)).bells
            awaited = self._awaited.setdefault(loop, Awaited(self._read, bells))
        missing = tuple(task for task, known in zip(tasks, final, strict=True) if known is None)
        rest = iter(await awaited.wait(missing, timeout))
        return tuple(known if known is not None else next(rest) for known in final)

    async def connect(self, lease: c.Lease, first: int = 1) -> c.Session:
        """A session bound to the running loop."""
        import asyncio

        from celeriac.stores.sqlite.session import SQLiteSession

        engine = await asyncio.to_thread(self._engine, None)
        return SQLiteSession(self, engine.bells.make(WORKER), engine.bells.make(NEWS), first, engine.version())

    def durability(self) -> c.Durability:
        """Every commit that matters is synced."""
        return c.Durability.COMMIT

    def risks(self) -> tuple[str, ...]:
        """It drops nothing."""
        return ()

    def close(self) -> None:
        """Close the file in this process; leases that it holds stay held while the process lives."""
        holding(_opening, self._shut)

    def _shut(self) -> None:
        engine, self._open = self._open, None
        if engine is not None and engine.pid == os.getpid():
            engine.close()

    def version(self) -> int:
        """A number that changes when something was committed."""
        return self._engine(None).version()

    def _engine(self, deadline: float | None) -> Engine:
        engine = self._open
        if engine is None or engine.is_stale():
            engine = holding(_opening, self._reopen)
        engine.open(deadline)
        return engine

    def _reopen(self) -> Engine:
        old = self._open
        if old is not None and not old.is_stale():
            return old
        # After a fork the old one is the parent's: its connections were closed before, the rest is left alone.
        self._was_open = self._was_open or old is not None
        self._open = None
        if old is not None and old.pid == os.getpid():
            old.close()
        try:
            self._open = engine = Engine(self.path, self._clock, self._keeping)
        except ImproperlyConfigured as error:
            if not self._was_open:
                raise
            # It was there before: somebody moves folders or disks about, and may bring it back.
            raise OperationalError(f"the database is gone: {error.args[0]}") from error
        self._awaited = weakref.WeakKeyDictionary()
        return engine


_opening = Turn()
os.register_at_fork(before=_opening.take, after_in_parent=_opening.leave, after_in_child=_opening.leave)
# Once more, for what an exception has kept from being done the first time.
os.register_at_fork(after_in_parent=_opening.leave, after_in_child=_opening.leave)
