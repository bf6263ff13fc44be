"""The link of an event loop to Redis."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, Self, cast

import hiredis

from celeriac.exceptions import OperationalError
from celeriac.stores.redis.address import Address
from celeriac.stores.redis.link import CONNECT_SECONDS, Command, LinkLost, check, distrust, pack, pack_all, tune


class AsyncLink(asyncio.Protocol):
    """One connection of an event loop: commands go out at once, replies come back in order.

    `on_push` gets what the server says unasked, `on_lost` is called when the connection is over.
    """

    def __init__(
        self, on_push: Callable[[list[Any]], None] | None = None, on_lost: Callable[[], None] | None = None
    ) -> None:
        self._reader = hiredis.Reader()
        self._pending: deque[asyncio.Future[Any]] = deque()
        self._on_push = on_push
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self.lost: Exception | None = None

    @classmethod
    async def open(
        cls,
        address: Address,
        on_push: Callable[[list[Any]], None] | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> Self:
        """Connect, or raise `OperationalError`."""
        link = cls(on_push, on_lost)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await link._connect(address)
                for reply in await asyncio.gather(*link.call_all(*address.greeting(address.db))):
                    check(reply)
        except ssl.SSLCertVerificationError as error:
            link.abort()
            raise OperationalError(distrust(address, error)) from error
        except (OSError, TimeoutError) as error:
            link.abort()
            raise OperationalError(f"cannot connect to Redis: {str(error) or 'timeout'}") from error
        except BaseException:
            link.abort()
            raise
        return link

    async def _connect(self, address: Address) -> None:
        if address.path:
            await self._loop.create_unix_connection(lambda: self, address.path)
            return
        context = address.tls_context()
        name = address.host if context is not None else None
        await self._loop.create_connection(lambda: self, address.host, address.port, ssl=context, server_hostname=name)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The bytes can flow."""
        self._transport = cast(asyncio.Transport, transport)
        tune(transport.get_extra_info("socket"))

    def call(self, command: Command) -> asyncio.Future[Any]:
        """The reply to come; Redis's own errors come as values."""
        return self.call_all(command)[0]

    def call_all(self, *commands: Command) -> list[asyncio.Future[Any]]:
        """Several commands in one write."""
        futures = [self._loop.create_future() for _ in commands]
        if self.lost is not None or self._transport is None:
            for future in futures:
                future.set_exception(LinkLost(str(self.lost)))
                future.exception()
            return futures
        self._pending.extend(futures)
        self._transport.write(pack_all(*commands))
        return futures

    def tell(self, command: Command) -> None:
        """Send a command that is not answered by a reply, as SUBSCRIBE is answered by a push."""
        if self._transport is not None:
            self._transport.write(pack(tuple(command)))

    def data_received(self, data: bytes) -> None:
        """Parse what came and hand it to those who wait."""
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            if isinstance(reply, hiredis.PushNotification):
                if self._on_push is not None:
                    self._on_push(reply)
                continue
            future = self._pending.popleft()
            if not future.done():
                future.set_result(reply)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail everything that is under way."""
        self.lost = error or ConnectionResetError("the server closed the connection")
        for future in self._pending:
            if not future.done():
                future.set_exception(LinkLost(str(self.lost)))
                future.exception()
        self._pending.clear()
        self._reader = hiredis.Reader()  # half a reply of any size may be in the old one
        if self._on_lost is not None:
            self._on_lost()

    def abort(self) -> None:
        """Drop the connection without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()
