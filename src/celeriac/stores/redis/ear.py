"""The results that the coroutines of one event loop wait for: one subscribed connection for all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from celeriac.stores.contract import is_final
from celeriac.stores.redis.link import CONNECT_SECONDS, LinkLost, check
from celeriac.stores.redis.loop_link import AsyncLink
from celeriac.stores.redis.refusals import is_denied
from celeriac.stores.redis.unanswered import FIRST_LOOK_SECONDS, pauses

Future = asyncio.Future[bytes]


class ResultLink(AsyncLink):
    """A connection that is subscribed to what somebody waits for, and to nothing else."""

    def __init__(
        self, on_push: Callable[[list[Any]], None] | None = None, on_lost: Callable[[], None] | None = None
    ) -> None:
        super().__init__(self._hear, self._fail)
        self._waiting: dict[bytes, set[Future]] = {}
        self._rights: asyncio.Task[bool] | None = None

    async def listen(self, keys: list[bytes], timeout: float) -> list[bytes | None]:
        """The final documents under these keys, once all are there or the time is over; raises `LinkLost`."""
        ends = self._loop.time() + timeout
        if not await self._may_hear(keys[0], timeout):
            return await self._poll(keys, ends)
        return await self._wait(keys, ends)

    async def _may_hear(self, key: bytes, seconds: float) -> bool:
        """Whether what is published reaches us: found by trying it once, with the channel of a result."""
        if not self.hears:
            return False
        if self._rights is None:
            self._rights = self._loop.create_task(self._try_channels(key + b":heard"))
        try:
            async with asyncio.timeout(max(seconds, FIRST_LOOK_SECONDS)):
                self.hears = await asyncio.shield(self._rights)
        except TimeoutError:
            self.abort()
            raise LinkLost("no answer in time") from None
        return self.hears

    async def _try_channels(self, channel: bytes) -> bool:
        tries = (self.tell([b"SUBSCRIBE", channel]), self.call([b"PUBLISH", channel, b""]))
        refused = [is_denied(reply) for reply in await asyncio.gather(*tries)]
        if not refused[0]:
            self.tell([b"UNSUBSCRIBE", channel])
        return not any(refused)

    async def _poll(self, keys: list[bytes], ends: float) -> list[bytes | None]:
        """Look again and again."""
        for pause in pauses():
            documents = await self._read(keys, ends - self._loop.time())
            finals = [doc if doc is not None and is_final(doc) else None for doc in documents]
            left = ends - self._loop.time()
            if None not in finals or left <= 0:
                return finals
            await asyncio.sleep(min(pause, left))
        raise AssertionError("pauses end")

    async def _wait(self, keys: list[bytes], ends: float) -> list[bytes | None]:
        futures: dict[bytes, Future] = {key: self._loop.create_future() for key in keys}
        new = [key for key in futures if key not in self._waiting]
        for key, future in futures.items():
            self._waiting.setdefault(key, set()).add(future)
        try:
            if new:
                self.tell([b"SUBSCRIBE", *new])
            # Asked for after the subscription, on the same connection: nothing can come in between.
            for key, document in zip(keys, await self._read(keys, ends - self._loop.time()), strict=True):
                self._note(key, document)
            await asyncio.wait(futures.values(), timeout=max(0.0, ends - self._loop.time()))
        finally:
            self._leave(futures)
        if any(future.done() and future.exception() for future in futures.values()):
            raise LinkLost(str(self.lost))
        return [futures[key].result() if futures[key].done() else None for key in keys]

    async def _read(self, keys: list[bytes], seconds: float) -> list[bytes | None]:
        try:
            async with asyncio.timeout(min(CONNECT_SECONDS, max(seconds, FIRST_LOOK_SECONDS))):
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
