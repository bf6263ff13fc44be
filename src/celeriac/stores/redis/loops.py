"""Connections of event loops: one a loop, opened once however many ask, closed when the loop is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

from celeriac.stores.redis.address import Address
from celeriac.stores.redis.loop_link import AsyncLink

Loop = asyncio.AbstractEventLoop
L = TypeVar("L", bound=AsyncLink)


class LoopLinks(Generic[L]):
    """The connections of one kind to one address; every loop sees only its own.

    asyncio tells nobody that a loop is about to close, but it ends the asynchronous generators that are
    still open, so each loop gets one that waits for that.
    """

    def __init__(self, address: Address, kind: type[L]) -> None:
        self._address = address
        self._kind = kind
        self._openings: dict[Loop, asyncio.Task[L]] = {}
        self._guards: dict[Loop, AsyncGenerator[None]] = {}

    async def get(self) -> L:
        """The connection of the running loop; raises `OperationalError` when it cannot be opened."""
        loop = asyncio.get_running_loop()
        opening = self._openings.get(loop)
        if opening is None or _is_over(opening):
            opening = self._openings[loop] = loop.create_task(self._kind.open(self._address))
            opening.add_done_callback(_look)
        if loop not in self._guards:
            self._forget_closed()
            self._guards[loop] = self._until_shutdown(loop)
            await anext(self._guards[loop])
        return await asyncio.shield(opening)

    async def _until_shutdown(self, loop: Loop) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            self._guards.pop(loop, None)
            _abandon(self._openings.pop(loop, None))

    def _forget_closed(self) -> None:
        """Loops that were closed without a word."""
        for loop in [loop for loop in self._guards if loop.is_closed()]:
            self._guards.pop(loop, None)
            self._openings.pop(loop, None)

    def close(self) -> None:
        """Drop all connections, from any thread."""
        for loop, opening in list(self._openings.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(_abandon, opening)
        self._openings.clear()


def _is_over(opening: asyncio.Task[L]) -> bool:
    """Whether there is no connection and none to come."""
    return opening.done() and (opening.cancelled() or bool(opening.exception()) or opening.result().lost is not None)


def _look(opening: asyncio.Task[L]) -> None:
    """Whoever waited may have gone; the error is then nobody's."""
    if not opening.cancelled():
        opening.exception()


def _abandon(opening: asyncio.Task[L] | None) -> None:
    if opening is None:
        return
    if not opening.done():
        opening.cancel()
    elif not _is_over(opening):
        opening.result().abort()
