"""The bytes between us and Redis: the link that blocks, and what that of event loops (`loop_link`) needs as well.

Commands are packed and replies parsed by hiredis. redis-py would cost a worker's core a quarter more CPU a
task, and it cannot put a blocking command and the command that depends on it into one write.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable
from typing import Any, cast

import hiredis

from celeriac.exceptions import OperationalError
from celeriac.stores.redis.address import Address
from celeriac.stores.redis.refusals import is_too_long, refusal, too_large
from celeriac.stores.redis.scripts import by_digest

CONNECT_SECONDS = 3.0
_UNSENT_MILLISECONDS = 10_000
"""The kernel gives up on a connection whose data stayed unacknowledged for so long."""

Command = list[bytes]

# Its stub knows tuples of one item only.
pack: Callable[[tuple[bytes, ...]], bytes] = cast(Any, hiredis.pack_command)


class LinkLost(ConnectionError):
    """The connection broke; what was under way has happened or not."""


class Unreachable(OperationalError):
    """No connection came about: nothing was sent. `reason` is why, without the address."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


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
        raise refusal(str(reply))
    return reply


def speaks_plainly(hello: Any) -> bool:
    """Whether the server knows only protocol 2: its reply to HELLO is that there is no such command."""
    text = str(hello) if isinstance(hello, hiredis.ReplyError) else ""
    return text.startswith("NOPROTO") or "unknown command" in text.lower()


def client_id(hello: Any) -> bytes:
    """The number of a connection, by which another one can end its waits; from the reply to HELLO."""
    return b"%d" % hello[b"id"] if isinstance(hello, dict) and b"id" in hello else b""


def reason(error: BaseException) -> str:
    """Why there is no connection, in the system's words and without its number."""
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number)
    return getattr(error, "strerror", None) or str(error) or "no answer"


def tune(sock: socket.socket) -> None:
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
        # One for all replies: to allocate as much for each would be a mapping and two page faults a reply.
        self._buffer = bytearray(1 << 16)
        self.channels: list[bytes] = []
        self.hears = True
        """Whether it can be subscribed and used all the same: that takes protocol 3."""
        seconds = max(0.001, min(seconds, CONNECT_SECONDS))
        ends = time.monotonic() + seconds
        try:
            self._socket = _connect(address, seconds)
        except OSError as error:
            if hasattr(error, "verify_message"):  # what sets ssl.SSLCertVerificationError apart
                raise OperationalError(distrust(address, error)) from error
            raise ConnectionRefusedError(reason(error)) from error
        try:
            replies = self._greet(address.greeting(db), ends)
            if speaks_plainly(replies[0]):
                self.hears = False
                replies = self._greet(address.plain_greeting(db), ends)
            for reply in replies:
                check(reply)
        except LinkLost as error:
            self.close()
            raise ConnectionRefusedError(str(error)) from error
        except OperationalError:
            self.close()
            raise

    def _greet(self, greeting: list[Command], ends: float) -> list[Any]:
        self.send(pack_all(*greeting))
        return [self.reply(ends - time.monotonic()) for _ in greeting]

    def exchange(self, command: Command, seconds: float) -> Any:
        """Send a command and wait for its reply, or raise `LinkLost`; `RequestTooLarge` for what it does not take."""
        ends = time.monotonic() + seconds
        try:
            reply = self._exchange(pack(tuple(command)), seconds)
            if needs_script(reply):
                reply = self._exchange(pack(tuple(spell_out(command))), ends - time.monotonic())
        except LinkLost:
            # The server says what it minds and closes, while we may still be sending.
            if is_too_long(self._last_words()):
                raise too_large(command) from None
            raise
        if is_too_long(reply):
            raise too_large(command)
        return reply

    def _exchange(self, data: bytes, seconds: float) -> Any:
        self._socket.settimeout(max(seconds, 0.001))
        self.send(data)
        return self.reply(seconds)

    def _last_words(self) -> Any:
        """What the server has said before it closed, if there is anything."""
        try:
            return self.reply(0.1)
        except LinkLost:
            return None

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
            raise LinkLost(reason(error)) from error

    def read(self, seconds: float) -> Any:
        """The next reply or push message; raises `LinkLost`, at the timeout as well."""
        while (reply := self._reader.gets()) is False:
            try:
                self._socket.settimeout(max(seconds, 0.001))
                size = self._socket.recv_into(self._buffer)
            except OSError as error:
                raise LinkLost(reason(error)) from error
            if not size:
                raise LinkLost("the server closed the connection")
            self._reader.feed(self._buffer, 0, size)  # type: ignore[arg-type] # its stub forgets buffers
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
    # As bytes: what prepares the letters of a name for DNS takes 2 ms to load, and a worker a megabyte.
    host = address.host.encode() if address.host.isascii() else address.host
    sock = socket.create_connection((host, address.port), seconds)  # type: ignore[arg-type] # its stub forgets bytes
    tune(sock)
    return sock if context is None else context.wrap_socket(sock, server_hostname=address.host)


def distrust(address: Address, error: OSError) -> str:
    """What is said about a certificate that proves nothing."""
    return (
        f"the certificate of {address.host}:{address.port} is not trusted: {getattr(error, 'verify_message', error)}; "
        "ssl_ca_certs names the authority that signed it"
    )


def _readable(sock: socket.socket, seconds: float) -> bool:
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(max(0, seconds) * 1000))
