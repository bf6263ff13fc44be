"""The bytes between us and Redis: two links, one that blocks and one for an event loop.

Commands are packed and replies parsed by hiredis. redis-py would cost a worker's core a quarter more CPU a
task, and it cannot put a blocking command and the command that depends on it into one write.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Self, cast

import hiredis

from celeriac.exceptions import LeaseLost, OperationalError
from celeriac.stores.redis.address import Address
from celeriac.stores.redis.scripts import by_digest

CONNECT_SECONDS = 3.0
_UNSENT_MILLISECONDS = 10_000
"""The kernel gives up on a connection whose data stayed unacknowledged for so long."""

Command = list[bytes]

# Its stub knows tuples of one item only.
pack: Callable[[tuple[bytes, ...]], bytes] = cast(Any, hiredis.pack_command)


class LinkLost(ConnectionError):
    """The connection broke; what was under way has happened or not."""


def pack_all(*commands: Command) -> bytes:
    """Several commands in the form in which they travel."""
    return b"".join([pack(tuple(command)) for command in commands])


def needs_script(reply: Any) -> bool:
    """Whether the server has not seen the script yet."""
    return isinstance(reply, hiredis.ReplyError) and str(reply).startswith("NOSCRIPT")


def spell_out(command: Command) -> Command:
    """The same script call with the script's text."""
    return by_digest()[command[1]].spell_out(command)


def check(reply: Any) -> Any:
    """The reply, unless it is an error."""
    if isinstance(reply, hiredis.ReplyError):
        text = str(reply)
        if text.startswith("LEASELOST"):
            raise LeaseLost(text.partition(" ")[2])
        raise OperationalError(f"Redis refused: {text}")
    return reply


def _tune(sock: socket.socket) -> None:
    """No waiting for more to send, and dead peers found in seconds."""
    if sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNSENT_MILLISECONDS)


class BlockingLink:
    """One connection for one thread at a time.

    Raises `ConnectionRefusedError` when there is no server or it does not answer within `seconds`,
    `OperationalError` when it refuses us.
    """

    def __init__(self, address: Address, db: int, seconds: float = CONNECT_SECONDS) -> None:
        self._reader = hiredis.Reader()
        self.channels: list[bytes] = []
        seconds = max(0.001, min(seconds, CONNECT_SECONDS))
        ends = time.monotonic() + seconds
        try:
            self._socket = _connect(address, seconds)
        except ssl.SSLCertVerificationError as error:
            raise OperationalError(_distrust(address, error)) from error
        except OSError as error:
            raise ConnectionRefusedError(str(error)) from error
        greeting = address.greeting(db)
        try:
            self.send(pack_all(*greeting))
            for _ in greeting:
                check(self.reply(ends - time.monotonic()))
        except LinkLost as error:
            self.close()
            raise ConnectionRefusedError(str(error)) from error
        except OperationalError:
            self.close()
            raise

    def exchange(self, command: Command, seconds: float) -> Any:
        """Send a command and wait for its reply, or raise `LinkLost`."""
        reply = self._exchange(pack(tuple(command)), seconds)
        if needs_script(reply):
            reply = self._exchange(pack(tuple(spell_out(command))), seconds)
        return reply

    def _exchange(self, data: bytes, seconds: float) -> Any:
        self.send(data)
        return self.reply(seconds)

    def reply(self, seconds: float) -> Any:
        """The next reply; push messages left over from an earlier wait are passed over."""
        ends = time.monotonic() + seconds
        while True:
            reply = self.read(ends - time.monotonic())
            if reply is None or not isinstance(reply, hiredis.PushNotification):
                return reply

    def send(self, data: bytes) -> None:
        """Write all bytes."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise LinkLost(str(error)) from error

    def read(self, seconds: float) -> Any:
        """The next reply or push message; raises `LinkLost`, at the timeout as well."""
        while (reply := self._reader.gets()) is False:
            try:
                self._socket.settimeout(max(seconds, 0.001))
                data = self._socket.recv(1 << 18)
            except OSError as error:
                raise LinkLost(str(error)) from error
            if not data:
                raise LinkLost("the server closed the connection")
            self._reader.feed(data)
        return reply

    def poll(self, seconds: float) -> Any:
        """The next push message or reply if one comes in time, else False."""
        reply = self._reader.gets()
        if reply is False and (getattr(self._socket, "pending", int)() or _readable(self._socket, seconds)):
            return self.read(1.0)
        return reply

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def _connect(address: Address, seconds: float) -> socket.socket:
    if address.path:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(seconds)
        sock.connect(address.path)
        return sock
    context = address.tls_context()
    sock = socket.create_connection((address.host, address.port), seconds)
    _tune(sock)
    return sock if context is None else context.wrap_socket(sock, server_hostname=address.host)


def _distrust(address: Address, error: ssl.SSLCertVerificationError) -> str:
    return (
        f"the certificate of {address.host}:{address.port} is not trusted: {error.verify_message}; "
        "ssl_ca_certs names the authority that signed it"
    )


def _readable(sock: socket.socket, seconds: float) -> bool:
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(max(0, seconds) * 1000))


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
            raise OperationalError(_distrust(address, error)) from error
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
        _tune(transport.get_extra_info("socket"))

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
