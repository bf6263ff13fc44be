"""The memory store's doors: one lock around the state, one condition for those who wait."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from celeriac.message.format import PLAIN, Format
from celeriac.stores import contract as c
from celeriac.stores.memory.state import State

R = TypeVar("R")

_WAKES = (
    *(c.Enqueue, c.Finish, c.Release, c.Promote, c.CloseLease, c.Defer),
    *(c.Revoke, c.Replay, c.AdjustDelayed, c.CancelDelayed, c.Pause, c.Share),
)


class MemoryStore:
    """A store that lives and dies with this process."""

    lease_seconds = 10.0
    heartbeat_seconds = 0.5
    expiring = False
    shared = False
    format: Format = PLAIN
    kombu: c.Kombu | None = None

    def __init__(
        self,
        url: str = "memory://",
        *,
        dead_limit: int = c.DEAD_LETTER_LIMIT,
        dead_seconds: float = c.DEAD_LETTER_SECONDS,
        failed_limit: int = c.FAILED_LIMIT,
        failed_seconds: float = c.FAILED_SECONDS,
    ) -> None:
        self.url = url
        self.state = State(dead_limit, dead_seconds, failed_limit, failed_seconds)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: set[MemorySession] = set()

    def run(self, request: c.Request[R], *, deadline: float | None = None) -> R:
        """Perform a request; it cannot fail half-way, so `deadline` means nothing here."""
        with self._lock:
            reply = self.state.apply(request, time.time_ns() // 1_000_000)
            if isinstance(request, _WAKES) and not _only_claims(request):
                self._changed.notify_all()
                for session in self._waiting:
                    session.wake()
            if isinstance(request, c.Revoke):
                for session in self._waiting:
                    session.tell()
        return reply

    def run_many(self, requests: Iterable[c.Request[R]], *, deadline: float | None = None) -> list[R]:
        """One after the other."""
        return [self.run(request) for request in requests]

    async def arun(self, request: c.Request[R], *, deadline: float | None = None) -> R:
        """Perform a request; never blocks for longer than the lock is held."""
        return self.run(request)

    def wait_results(
        self, tasks: tuple[str, ...], timeout: float | None, minimum: int | None = None
    ) -> tuple[bytes | None, ...]:
        """Wait on the condition that every change notifies."""
        missing = 0 if minimum is None else max(0, len(set(tasks)) - minimum)

        def enough() -> bool:
            return len({task for task in tasks if self._final(task) is None}) <= missing

        with self._lock:
            self._changed.wait_for(enough, timeout)
            return tuple(map(self._final, tasks))

    async def await_results(self, tasks: tuple[str, ...], timeout: float | None) -> tuple[bytes | None, ...]:
        """Look again after every change."""
        waiting = MemorySession(self, 0)
        try:
            async with asyncio.timeout(timeout):
                while None in map(self._final, tasks):
                    await waiting.wait((), 0)
        except TimeoutError:
            pass
        finally:
            await waiting.close()
        return tuple(map(self._final, tasks))

    def _final(self, task: str) -> bytes | None:
        found = self.state.results.get(task)
        return found if found is not None and c.is_final(found) else None

    async def connect(self, lease: c.Lease, first: int = 1) -> c.Session:
        """A session bound to the running loop."""
        return MemorySession(self, first)

    def durability(self) -> c.Durability:
        """Nothing survives."""
        return c.Durability.NONE

    def risks(self) -> tuple[str, ...]:
        """It drops nothing."""
        return ()

    def close(self) -> None:
        """There is nothing to close."""

    def register(self, session: MemorySession) -> None:
        """Wake this session at every change."""
        with self._lock:
            self._waiting.add(session)

    def unregister(self, session: MemorySession) -> None:
        """Wake it no more."""
        with self._lock:
            self._waiting.discard(session)


def _only_claims(request: c.Request[Any]) -> bool:
    """Whether nothing that others wait for can come of it: who asks in vain must not wake himself."""
    return isinstance(request, c.Finish) and not request.outcomes


class MemorySession:
    """A worker's door: requests run at once, waiting is an event set from any thread."""

    def __init__(self, store: MemoryStore, first: int) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._awake = asyncio.Event()
        self._numbers = first
        self.on_news: Callable[[], None] = _nothing
        store.register(self)

    async def call(self, request: c.Request[R]) -> R:
        """Perform a request."""
        return self._store.run(request)

    async def wait(self, queues: tuple[str, ...], count: int) -> c.WaitReply | None:
        """Return at the next change of the store, or at once if there was one since the last wait."""
        await self._awake.wait()
        self._awake.clear()
        return None

    def reserve(self, count: int) -> int:
        """The next claim numbers."""
        first = self._numbers
        self._numbers += count
        return first

    async def stop_waiting(self) -> None:
        """Let the wait return."""
        self._awake.set()

    async def close(self) -> None:
        """Stop being woken."""
        self._store.unregister(self)

    def wake(self) -> None:
        """Called by the store, from any thread, after a change."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._awake.set)

    def tell(self) -> None:
        """Called by the store, from any thread, when something was revoked."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.on_news)


def _nothing() -> None:
    """Nobody wants to know."""
