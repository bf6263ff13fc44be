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
from celeriac.stores.redis.link import (
    CONNECT_SECONDS,
    Command,
    LinkLost,
    Unreachable,
    check,
    client_id,
    distrust,
    pack_all,
    reason,
    speaks_plainly,
    tune,
)

_CONFIRMATIONS = (b"subscribe", b"unsubscribe")


class AsyncLink(asyncio.Protocol):
    """One connection of an event loop: commands go out at once, replies come back in order.

    `on_push` gets what the server says unasked, `on_lost` is called when the connection is over.
    """

    def __init__(
        self, on_push: Callable[[list[Any]], None] | None = None, on_lost: Callable[[], None] | None = None
    ) -> None:
        self._reader = hiredis.Reader()
        self._pending: deque[asyncio.Future[Any]] = deque()
        self._unconfirmed: deque[tuple[asyncio.Future[Any], list[bytes]]] = deque()
        self._on_push = on_push
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._unwritten: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self.lost: Exception | None = None
        self.hears = True
        """Whether it can be subscribed and used all the same: that takes protocol 3."""
        self.client_id = b""

    @classmethod
    async def open(
        cls,
        address: Address,
        on_push: Callable[[list[Any]], None] | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> Self:
        """Connect; raises `Unreachable`, or another `OperationalError` where the server refuses us."""
        link = cls(on_push, on_lost)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await link._connect(address)
                await link._greet(address)
        except ssl.SSLCertVerificationError as error:
            link.abort()
            raise OperationalError(distrust(address, error)) from error
        except (OSError, TimeoutError) as error:
            link.abort()
            why = reason(error)
            raise Unreachable(f"cannot connect to Redis at {address.place}: {why}", why) from error
        except BaseException:
            link.abort()
            raise
        return link

    async def _greet(self, address: Address) -> None:
        replies = await asyncio.gather(*self.call_all(*address.greeting(address.db)))
        self.client_id = client_id(replies[0])
        if speaks_plainly(replies[0]):
            self.hears = False
            replies = await asyncio.gather(*self.call_all(*address.plain_greeting(address.db), [b"CLIENT", b"ID"]))
            number = replies.pop()
            self.client_id = b"%d" % number if isinstance(number, int) else b""
        for reply in replies:
            check(reply)

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
                future.set_exception(self._loss())
                future.exception()
            return futures
        self._pending.extend(futures)
        self._unwritten += [pack_all(*commands)]
        self._write()
        return futures

    def call_soon(self, command: Command) -> asyncio.Future[Any]:
        """As `call`, but in one write with the next command, if one comes in this turn of the loop."""
        if self.lost is not None or self._transport is None:
            return self.call(command)
        future = self._loop.create_future()
        self._pending.append(future)
        if not self._unwritten:
            self._loop.call_soon(self._write)
        self._unwritten.append(pack_all(command))
        return future

    def _write(self) -> None:
        if self._unwritten and self._transport is not None:
            data, self._unwritten = b"".join(self._unwritten), []
            self._transport.write(data)

    def tell(self, command: Command) -> asyncio.Future[Any]:
        """Send SUBSCRIBE or UNSUBSCRIBE: answered by a push for each channel, the future's value is None then.

        Where it is refused that is answered by one error, which is the future's value.
        """
        (future,) = self.call_all(command)
        if not future.done():
            self._unconfirmed.append((future, command[1:]))
        return future

    def data_received(self, data: bytes) -> None:
        """Parse what came and hand it to those who wait."""
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            if isinstance(reply, hiredis.PushNotification):
                if self._unconfirmed and reply[0] in _CONFIRMATIONS:
                    self._confirm()
                elif self._on_push is not None:
                    self._on_push(reply)
                continue
            if not self._pending:
                # Nothing was asked: the server says why it is about to close.
                self.lost = ConnectionResetError(str(reply))
                self.abort()
                return
            future = self._pending.popleft()
            if self._unconfirmed and self._unconfirmed[0][0] is future:
                self._unconfirmed.popleft()
            if not future.done():
                future.set_result(reply)

    def _confirm(self) -> None:
        """One more channel of the oldest subscription is settled; such pushes come in the order of the replies."""
        future, channels = self._unconfirmed[0]
        channels.pop()
        if not channels:
            self._unconfirmed.popleft()
            self._pending.popleft()
            if not future.done():
                future.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail everything that is under way."""
        self.lost = self.lost or error or ConnectionResetError("the server closed the connection")
        for future in self._pending:
            if not future.done():
                future.set_exception(self._loss())
                future.exception()
        self._pending.clear()
        self._unconfirmed.clear()
        self._reader = hiredis.Reader()  # half a reply of any size may be in the old one
        if self._on_lost is not None:
            self._on_lost()

    def _loss(self) -> LinkLost:
        return LinkLost("not connected" if self.lost is None else reason(self.lost))

    def forsake(self) -> None:
        """Drop it, and tell nobody."""
        self._on_push = self._on_lost = None
        self.abort()

    def abort(self) -> None:
        """Drop the connection without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()
