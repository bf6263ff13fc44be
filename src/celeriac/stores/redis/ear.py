"""The results that the coroutines of one event loop wait for: one subscribed connection for all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from celeriac.store.contract import is_final
from celeriac.stores.redis.link import CONNECT_SECONDS, LinkLost, check
from celeriac.stores.redis.loop_link import AsyncLink

Future = asyncio.Future[bytes]


class ResultLink(AsyncLink):
    """A connection that is subscribed to what somebody waits for, and to nothing else."""

    def __init__(
        self, on_push: Callable[[list[Any]], None] | None = None, on_lost: Callable[[], None] | None = None
    ) -> None:
        super().__init__(self._hear, self._fail)
        self._waiting: dict[bytes, set[Future]] = {}

    async def listen(self, keys: list[bytes], timeout: float | None) -> list[bytes | None]:
        """The final documents under these keys, once all are there or the time is over; raises `LinkLost`."""
        futures: dict[bytes, Future] = {key: self._loop.create_future() for key in keys}
        new = [key for key in futures if key not in self._waiting]
        for key, future in futures.items():
            self._waiting.setdefault(key, set()).add(future)
        try:
            if new:
                self.tell([b"SUBSCRIBE", *new])
            # Asked for after the subscription, on the same connection: nothing can come in between.
            for key, document in zip(keys, await self._read(keys), strict=True):
                self._note(key, document)
            await asyncio.wait(futures.values(), timeout=timeout)
        finally:
            self._leave(futures)
        if any(future.done() and future.exception() for future in futures.values()):
            raise LinkLost(str(self.lost))
        return [futures[key].result() if futures[key].done() else None for key in keys]

    async def _read(self, keys: list[bytes]) -> list[bytes | None]:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                documents: list[bytes | None] = check(await self.call([b"MGET", *keys]))
        except TimeoutError:
            self.abort()
            raise LinkLost("no reply to a question for results") from None
        return documents

    def _leave(self, futures: dict[bytes, Future]) -> None:
        over = []
        for key, future in futures.items():
            waiting = self._waiting.get(key, set())
            waiting.discard(future)
            if not waiting:
                self._waiting.pop(key, None)
                over.append(key)
        if over and self.lost is None:
            self.tell([b"UNSUBSCRIBE", *over])

    def _hear(self, push: list[Any]) -> None:
        if push[0] == b"message":
            self._note(push[1], push[2])

    def _note(self, key: bytes, document: bytes | None) -> None:
        if document is not None and is_final(document):
            for future in self._waiting.get(key, ()):
                if not future.done():
                    future.set_result(document)

    def _fail(self) -> None:
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(LinkLost(str(self.lost)))
