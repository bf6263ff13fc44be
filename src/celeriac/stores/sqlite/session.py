"""A worker's door: requests go through the writer's thread, waiting is a bell in the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from celeriac.stores import contract as c
from celeriac.stores.sqlite.wake import Bell

R = TypeVar("R")


class Database(Protocol):
    """What a session needs of its store."""

    heartbeat_seconds: float

    async def arun(self, request: c.Request[R], *, deadline: float | None = None) -> R:
        """Perform a request."""

    def version(self) -> int:
        """A number that changes when something was committed."""


class SQLiteSession:
    """A session bound to the running event loop.

    A bell is lost only when the process that should ring it dies after its commit and before. So a session
    that waits looks once a heartbeat whether anything was committed at all.
    """

    def __init__(self, store: Database, bell: Bell, news: Bell, first: int, version: int) -> None:
        self._store = store
        self._bell = bell
        self._news = news
        self._numbers = first
        self._version = version
        self._rung: asyncio.Future[None] | None = None
        self.on_news: Callable[[], None] = _nothing
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(news.socket, self._tell)

    async def call(self, request: c.Request[R]) -> R:
        """Perform a request without blocking the loop."""
        return await self._store.arun(request)

    async def wait(self, queues: tuple[str, ...], count: int) -> c.WaitReply | None:
        """Return when the bell has rung since the last wait, whatever the queues."""
        loop = asyncio.get_running_loop()
        rung = self._rung = loop.create_future()
        loop.add_reader(self._bell.socket, self._answer)
        try:
            while not rung.done():
                await asyncio.wait((rung,), timeout=self._store.heartbeat_seconds)
                if not rung.done() and await self._missed_something():
                    break
        finally:
            self._rung = None
            loop.remove_reader(self._bell.socket)
        return None

    def reserve(self, count: int) -> int:
        """The next claim numbers."""
        first, self._numbers = self._numbers, self._numbers + count
        return first

    async def stop_waiting(self) -> None:
        """End the wait under way."""
        self._answer()

    async def close(self) -> None:
        """Take the bells away."""
        self._bell.close()
        self._loop.remove_reader(self._news.socket)
        self._news.close()

    def _tell(self) -> None:
        self._news.silence()
        self.on_news()

    def _answer(self) -> None:
        self._bell.silence()
        if self._rung is not None and not self._rung.done():
            self._rung.set_result(None)

    async def _missed_something(self) -> bool:
        before, self._version = self._version, await asyncio.to_thread(self._store.version)
        return before != self._version


def _nothing() -> None:
    """Nobody wants to know."""
