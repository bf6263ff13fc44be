"""Redis URLs: where the server is, how to greet it, and whether two of them name the same one.

Connecting is done here and not by redis-py: importing it costs a worker 9 MB and every process that calls a
task 60 ms, and what it would do for us is a HELLO and a SELECT (Redis docs, "Client-side protocol handshake").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from celeriac.exceptions import ImproperlyConfigured
from celeriac.stores.redis.url import decoded, split

if TYPE_CHECKING:
    import ssl

_NONE, _OPTIONAL, _REQUIRED = 0, 1, 2
"""The numbers of `ssl.VerifyMode`: that module is loaded for connections with TLS only."""
_TLS_CHECKS = {
    "required": _REQUIRED,
    "cert_required": _REQUIRED,
    "2": _REQUIRED,
    "optional": _OPTIONAL,
    "cert_optional": _OPTIONAL,
    "1": _OPTIONAL,
    "none": _NONE,
    "cert_none": _NONE,
    "0": _NONE,
}
_SCHEMES = {
    "redis": "redis",
    "rediss": "rediss",
    "unix": "unix",
    "redis+socket": "unix",
    "redis+unix": "unix",
}
_TLS_OPTIONS = frozenset({"ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"})
_KNOWN = frozenset({"db", "virtual_host", "username", "password"}) | _TLS_OPTIONS
_OF_REDIS_PY = frozenset(
    {
        "health_check_interval",
        "socket_timeout",
        "socket_connect_timeout",
        "socket_read_size",
        "socket_type",
        "socket_keepalive",
        "socket_keepalive_options",
        "retry_on_timeout",
        "retry_on_error",
        "retry",
        "max_connections",
        "timeout",
        "client_name",
        "lib_name",
        "lib_version",
        "protocol",
        "encoding",
        "encoding_errors",
        "decode_responses",
        "single_connection_client",
        "redis_connect_func",
        "connection_class",
        "parser_class",
        "cache",
    }
)
"""Options of redis-py, which is not used: how it waits, tries again and reads (redis.connection, `parse_url`)."""


class Address(Struct, frozen=True):
    """A server and a database on it. `path` is a unix socket; `tls` holds the `ssl_...` options."""

    host: str = "127.0.0.1"
    port: int = 6379
    path: str = ""
    db: int = 0
    username: str = ""
    password: str = ""
    tls: dict[str, str] | None = None

    @property
    def server(self) -> tuple[str, int]:
        """What two addresses of the same server have in common."""
        if self.path:
            return self.path, 0
        host = self.host.lower()
        return ("127.0.0.1" if host == "localhost" else host), self.port

    @property
    def place(self) -> str:
        """Where it is, for people."""
        if self.path:
            return f"{self.path} (database {self.db})"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{self.db}"

    def greeting(self, db: int) -> list[list[bytes]]:
        """The first commands of a connection: protocol 3 (RESP3), who we are, which database if not the first."""
        hello = [b"HELLO", b"3"]
        if self.password:
            hello += [b"AUTH", (self.username or "default").encode(), self.password.encode()]
        return [hello, *_selection(db)]

    def plain_greeting(self, db: int) -> list[list[bytes]]:
        """The same where HELLO is not known."""
        login = [b"AUTH", *([self.username.encode()] if self.username else []), self.password.encode()]
        return [*([login] if self.password else []), *_selection(db)]

    @property
    def unverified(self) -> bool:
        """Whether anybody could answer in the server's place: the certificate is not looked at, or not the name."""
        return self.tls is not None and (self._checks() != _REQUIRED or not self._checks_name())

    def _checks(self) -> int:
        wanted = (self.tls or {}).get("ssl_cert_reqs", "required").lower()
        if wanted not in _TLS_CHECKS:
            raise ImproperlyConfigured(f"ssl_cert_reqs cannot be {wanted!r}: required, optional or none")
        return _TLS_CHECKS[wanted]

    def _checks_name(self) -> bool:
        return (self.tls or {}).get("ssl_check_hostname", "true").lower() not in ("false", "0", "no")

    def tls_context(self) -> ssl.SSLContext | None:
        """For `rediss://`: certificate and host name are verified unless the options say otherwise.

        Raises `ImproperlyConfigured` for certificates and keys that cannot be loaded.
        """
        if self.tls is None:
            return None
        import ssl

        options, checks = self.tls, self._checks()
        try:
            context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
            context.check_hostname = checks == _REQUIRED and self._checks_name()
            context.verify_mode = ssl.VerifyMode(checks)
            if "ssl_certfile" in options:
                context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
        except OSError as error:
            named = ", ".join(f"{name}={value}" for name, value in sorted(options.items()))
            raise ImproperlyConfigured(f"cannot load the TLS files ({named}): {error}") from error
        return context


def _selection(db: int) -> list[list[bytes]]:
    return [[b"SELECT", b"%d" % db]] if db else []


UseTls = bool | Mapping[str, Any] | None
"""Celery's `broker_use_ssl`: a mapping of `ssl_...` options, or just True."""


def parse(url: str, use_tls: UseTls = None) -> Address:
    """Read a `redis://`, `rediss://`, `unix://` or `redis+socket://` URL; raises `ImproperlyConfigured`.

    Options of redis-py that change nothing here are warned about. `use_tls` makes a `redis://` URL one with TLS, and
    its options go before those of the URL.
    """
    if re.search(r"[;,]\s*[a-z+]+://", url):
        raise ImproperlyConfigured(
            "several Redis URLs: going over to another server when one fails is not there yet; name the one server, "
            "or an address that stands for the one that is up"
        )
    try:
        parts = split(url)
        scheme, options = _SCHEMES.get(parts.scheme), parts.options
        in_path = "" if scheme == "unix" else parts.path.strip("/")
        db, port = _number(options.get("db") or options.get("virtual_host") or in_path, 0), _number(parts.port, 6379)
    except ValueError:
        # What was read instead of a number could be part of a password.
        raise ImproperlyConfigured(
            "not a Redis URL: the port or the database is no number (in a password, / is written %2F)"
        ) from None
    if scheme is None:
        raise ImproperlyConfigured(f"not a Redis URL: unknown {parts.scheme!r}")
    _admit(options)
    return Address(
        host=parts.host or "127.0.0.1",
        port=port,
        path=decoded(parts.path) if scheme == "unix" else "",
        db=db,
        username=parts.user or options.get("username", ""),
        password=parts.password or options.get("password", ""),
        tls=_tls_options(scheme, options, use_tls),
    )


def _admit(options: Mapping[str, str]) -> None:
    """Warn about options that change nothing here, refuse those that nobody knows or that would be missed."""
    from celeriac.config.admission import warn

    for name in sorted(options.keys() - _KNOWN):
        if name not in _OF_REDIS_PY:
            raise ImproperlyConfigured(f"not a Redis URL: unknown option {name!r}")
        warn(
            f"the URL's option {name!r} has no effect here: redis-py is not used; "
            "task_publish_deadline and worker_lease say how long an answer may take"
        )


def _number(text: str, usual: int) -> int:
    if text and not (text.isascii() and text.isdigit() and int(text) < 1 << 16):
        raise ValueError(text)
    return int(text or usual)


def _tls_options(scheme: str, options: Mapping[str, str], use_tls: UseTls) -> dict[str, str] | None:
    if scheme != "rediss" and (not use_tls or scheme == "unix"):
        return None
    more = use_tls if isinstance(use_tls, Mapping) else {}
    for name in more.keys() - _TLS_OPTIONS:
        raise ImproperlyConfigured(f"unknown TLS option {name!r}; known are {', '.join(sorted(_TLS_OPTIONS))}")
    found = {name: value for name, value in options.items() if name in _TLS_OPTIONS}
    # Celery's examples give the constants of the module `ssl`, whose `str` is that of the number.
    return found | {
        name: str(int(value) if isinstance(value, int) and not isinstance(value, bool) else value)
        for name, value in more.items()
    }
