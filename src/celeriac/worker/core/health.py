"""Health: what a worker says of itself to probes, over a Unix socket and, where wanted, over HTTP.

Answered by the core's loop, so an answer is proof that it moves; the store is never asked. *Live* is a worker
that needs no restart: it waits for a store that is away, and it may take its time to stop. *Ready* is one
that holds a lease, has children, and takes new work.

One small HTTP/1.0 server speaks on both. Nothing a client sends is kept for longer than `_SECONDS`, nor more
of it than `_HEAD_BYTES`, and no more than `_CONNECTIONS` of an address are open at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable

import msgspec
from msgspec import Struct

from celeriac.exceptions import ImproperlyConfigured
from celeriac.worker.log.words import some

_SECONDS = 2.0
_HEAD_BYTES = 4096
_UNHEARD = "~"
"""Behind the name of a socket that nobody listens to yet."""
_CONNECTIONS = 64
_STALLS = 2
"""So many sessions in a row that did nothing while messages waited: only a new process can help."""


class Health(Struct, kw_only=True):
    """How a worker is. `reason` says why it is not ready; times are in seconds."""

    worker: str
    app: str
    live: bool = True
    ready: bool = False
    reason: str = ""
    stopping: bool = False
    children: int = 0
    running: int = 0
    """Tasks in children's hands."""
    answered: float | None = None
    """How long ago the store answered last."""
    stalls: int = 0
    """How often the session was rebuilt because nothing came although messages waited."""


def judge(health: Health, *, lease: bool, stalls_in_a_row: int) -> Health:
    """Fill in what follows from the rest: pure."""
    health.live = stalls_in_a_row < _STALLS
    if not health.live:
        health.reason = "messages wait, nothing comes, and new sessions did not help"
    elif health.stopping:
        health.reason = f"stopping; {some(health.running, 'task')} in hand"
    elif not lease:
        since = "" if health.answered is None else f" for {health.answered:.1f} s"
        health.reason = f"the store has not answered{since}"
    elif not health.children:
        health.reason = "there is no child"
    health.ready = not health.reason
    return health


class HealthServer:
    """Answers `GET /live` and `GET /ready`: 200 or 503, and the state as JSON."""

    def __init__(self, look: Callable[[], Health]) -> None:
        self._look = look
        self._servers: list[asyncio.Server] = []
        self._path: str | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def listen_here(self, path: str) -> None:
        """For probes on this machine; raises `OSError`."""
        # Under its name only once it listens: a socket that refuses is taken for a dead worker's, and removed.
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(f"{path}{_UNHEARD}")
            listener.listen()
            os.rename(f"{path}{_UNHEARD}", path)
        except OSError:
            listener.close()
            raise
        self._servers.append(await asyncio.start_unix_server(self._door(), sock=listener, limit=_HEAD_BYTES))
        self._path = path

    async def listen(self, bind: str) -> None:
        """For probes over the network, at `host:port`; raises `ImproperlyConfigured` when that cannot be had."""
        host, _, port = bind.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            raise ImproperlyConfigured(f"worker_health_bind is {bind!r} and not host:port")
        try:
            server = await asyncio.start_server(self._door(), host.strip("[]"), int(port), limit=_HEAD_BYTES)
        except OSError as error:
            raise ImproperlyConfigured(f"worker_health_bind {bind} cannot be had: {error.strerror or error}") from error
        self._servers.append(server)

    def close(self) -> None:
        """Answer nobody any more."""
        for server in self._servers:
            server.close()
        if self._path is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)

    def _door(self) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        """What answers the clients of one address; those of another take no place away from them."""
        places = asyncio.Semaphore(_CONNECTIONS)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                if not places.locked():
                    async with places:
                        await self._serve(reader, writer)
            finally:
                writer.transport.abort()

        def open_door(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # Were `serve` itself given away, Python 3.11 would log an error for each client that the end cuts off.
            answering = asyncio.ensure_future(serve(reader, writer))
            self._answering.add(answering)
            answering.add_done_callback(self._answering.discard)

        return open_door

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_SECONDS):
                writer.write(self._answer(await _read_head(reader)))
                writer.close()
                await writer.wait_closed()

    def _answer(self, head: bytes) -> bytes:
        """The response to a request of which only the first line counts."""
        match head.split(b"\r\n", 1)[0].split(b" "):
            case [b"GET" | b"HEAD" as method, b"/live" | b"/ready" as path, version] if version.startswith(b"HTTP/1."):
                health = self._look()
                good = health.live if path == b"/live" else health.ready
                body = msgspec.json.encode(health)
                return _response(b"200 OK" if good else b"503 Service Unavailable", body, bodiless=method == b"HEAD")
            case [b"GET" | b"HEAD", _, version] if version.startswith(b"HTTP/1."):
                return _response(b"404 Not Found", b'{"paths":["/live","/ready"]}')
        return _response(b"400 Bad Request", b"{}")


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    """Up to the empty line; nothing when it is too long or not complete."""
    with contextlib.suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return await reader.readuntil(b"\r\n\r\n")
    return b""


def _response(status: bytes, body: bytes, *, bodiless: bool = False) -> bytes:
    head = b"HTTP/1.0 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
    return head if bodiless else head + body
