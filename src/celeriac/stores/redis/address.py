"""Redis URLs: what redis-py makes of them, and whether two of them name the same server."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from redis.asyncio.connection import Connection as AsyncConnection
from redis.asyncio.connection import SSLConnection as AsyncSSLConnection
from redis.asyncio.connection import UnixDomainSocketConnection as AsyncUnixConnection
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection, parse_url

from celeriac.exceptions import ImproperlyConfigured

CONNECT_SECONDS = 3.0
_KEEPALIVE = {"socket_keepalive": True, "socket_connect_timeout": CONNECT_SECONDS}


class Address(Struct, frozen=True):
    """A server and a database on it. redis-py does the connecting: TLS, users, passwords, unix sockets."""

    url: str
    options: dict[str, Any]
    kind: str

    @property
    def db(self) -> int:
        """The database number."""
        return int(self.options.get("db", 0))

    @property
    def server(self) -> tuple[str, ...]:
        """What two addresses of the same server have in common."""
        if self.kind == "unix":
            return ("unix", str(self.options.get("path")))
        host = str(self.options.get("host", "127.0.0.1")).lower()
        host = "127.0.0.1" if host == "localhost" else host
        return (host, str(self.options.get("port", 6379)), str(self.options.get("username", "")))

    def blocking(self, db: int) -> Any:
        """A connection that blocks, not yet open."""
        kinds = {"redis": Connection, "rediss": SSLConnection, "unix": UnixDomainSocketConnection}
        return kinds[self.kind](**self._options(db))

    def asynchronous(self) -> Any:
        """A connection for an event loop, not yet open."""
        kinds = {"redis": AsyncConnection, "rediss": AsyncSSLConnection, "unix": AsyncUnixConnection}
        return kinds[self.kind](**self._options(self.db))

    def _options(self, db: int) -> dict[str, Any]:
        options = {**_KEEPALIVE, **self.options, "db": db, "protocol": 3}
        if self.kind == "unix":
            options.pop("socket_keepalive")
        return options


def parse(url: str) -> Address:
    """Read a `redis://`, `rediss://`, `unix://` or `redis+socket://` URL; raises `ImproperlyConfigured`."""
    text = url
    if url.startswith(("redis+socket://", "redis+unix://")):
        text = "unix://" + url.partition("://")[2].replace("virtual_host=", "db=")
    try:
        options = dict(parse_url(text))
    except ValueError as error:
        raise ImproperlyConfigured(f"not a Redis URL: {error}") from error
    options.pop("connection_class", None)
    return Address(url, options, text.partition("://")[0])
