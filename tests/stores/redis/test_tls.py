"""TLS to a real Redis: who is not proven to be the server is not talked to."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from celeriac import Celeriac
from celeriac.exceptions import ImproperlyConfigured, OperationalError
from celeriac.stores import contract as c
from celeriac.stores.redis.address import parse
from tests.worker.process import Worker
from tools.servers.port import free_port
from tools.servers.redis import RedisServer

APP = """
import os
from celeriac import Celeriac

app = Celeriac("tls", broker=os.environ["TEST_BROKER"], broker_use_ssl={"ssl_ca_certs": os.environ["TEST_CA"]})


@app.task(name="add")
def add(x, y):
    return x + y
"""


class Place:
    """Certificates in a folder, and the port of a server that shows them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        authority, other = trustme.CA(), trustme.CA()
        self.authority, self.stranger = folder / "ca.pem", folder / "stranger.pem"
        authority.cert_pem.write_to_path(self.authority)
        other.cert_pem.write_to_path(self.stranger)
        self.certificate, self.key = self._issue(authority, "server", "127.0.0.1", "right.example")
        self.own = self._issue(authority, "client", "client.example")
        self.forged = self._issue(other, "forged", "client.example")
        self.port = free_port()

    def _issue(self, authority: trustme.CA, name: str, *valid_for: str) -> tuple[Path, Path]:
        issued = authority.issue_cert(*valid_for)
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        issued.private_key_pem.write_to_path(key)
        issued.cert_chain_pems[0].write_to_path(certificate)
        return certificate, key

    def options(self, clients: str) -> list[str]:
        """The command line of the server; `clients`: whether those need certificates."""
        return [
            *("--tls-port", str(self.port), "--tls-auth-clients", clients, "--tls-ca-cert-file", str(self.authority)),
            *("--tls-cert-file", str(self.certificate), "--tls-key-file", str(self.key)),
        ]

    def url(self, host: str = "127.0.0.1", **options: Any) -> str:
        """The URL of the server, with options as a query."""
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"rediss://{host}:{self.port}/0?{query}"


def serve(tmp_path: Path, clients: str) -> Iterator[Place]:
    place = Place(tmp_path / "certificates")
    with RedisServer(tmp_path / "redis", options=place.options(clients)):
        yield place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A server that takes anybody who trusts it."""
    yield from serve(tmp_path, "no")


@pytest.fixture
def strict_place(tmp_path: Path) -> Iterator[Place]:
    """A server that wants to see certificates of its clients."""
    yield from serve(tmp_path, "yes")


def ask(url: str, **settings: Any) -> None:
    """One request over each of the two doors, blocking and not."""
    with Celeriac("tls", broker=url, **settings) as app:
        assert app.store.run(c.Stats(("celery",)), deadline=3.0)


def test_the_right_authority_is_enough(place: Place) -> None:
    ask(place.url(ssl_ca_certs=place.authority))
    ask(place.url(ssl_cert_reqs="required", ssl_ca_certs=place.authority))


@pytest.mark.parametrize("check", [ssl.CERT_REQUIRED, "required", "CERT_REQUIRED"], ids=str)
def test_celerys_settings_say_the_same(place: Place, check: Any) -> None:
    options = {"ssl_ca_certs": str(place.authority), "ssl_cert_reqs": check}
    ask(place.url(), broker_use_ssl=options)
    ask(place.url().replace("rediss:", "redis:"), broker_use_ssl=options)
    ask(place.url(), redis_backend_use_ssl=options)


def test_without_an_authority_the_server_is_refused(place: Place) -> None:
    with pytest.raises(OperationalError, match=r"not trusted.*ssl_ca_certs"):
        ask(place.url())


def test_the_wrong_authority_is_refused(place: Place) -> None:
    with pytest.raises(OperationalError, match="not trusted"):
        ask(place.url(ssl_ca_certs=place.stranger))


def test_a_name_the_certificate_is_not_valid_for_is_refused(place: Place) -> None:
    with pytest.raises(OperationalError, match=r"not trusted.*localhost"):
        ask(place.url("localhost", ssl_ca_certs=place.authority))


def test_no_check_has_to_be_spelled_out_and_is_warned_about(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "celeriac"):
        ask(place.url("localhost", ssl_cert_reqs="none"))
        ask(place.url(), broker_use_ssl={"ssl_cert_reqs": ssl.CERT_NONE})
        ask(place.url("localhost", ssl_ca_certs=place.authority, ssl_check_hostname="false"))
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 3
    caplog.clear()
    ask(place.url(ssl_ca_certs=place.authority))
    assert not caplog.records


def test_a_client_shows_its_certificate_where_it_is_asked_to(strict_place: Place) -> None:
    certificate, key = strict_place.own
    trusted: dict[str, Any] = {"ssl_ca_certs": strict_place.authority}
    ask(strict_place.url(**trusted, ssl_certfile=certificate, ssl_keyfile=key))
    with pytest.raises(OperationalError):
        ask(strict_place.url(**trusted))
    forged, forged_key = strict_place.forged
    with pytest.raises(OperationalError):
        ask(strict_place.url(**trusted, ssl_certfile=forged, ssl_keyfile=forged_key))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"ssl_ca_certs": "/no/such/file"}, "cannot load the TLS files.*no/such/file"),
        ({"ssl_cert_reqs": "perhaps"}, "ssl_cert_reqs cannot be 'perhaps'"),
        ({"ssl_ca_cert": "misspelled"}, "unknown TLS option 'ssl_ca_cert'"),
    ],
)
def test_settings_that_cannot_be_followed_are_said(options: dict[str, str], told: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=told):
        ask("rediss://127.0.0.1:1/0", broker_use_ssl=options)


def test_verified_is_what_says_nothing_else() -> None:
    assert not parse("rediss://host").unverified
    assert not parse("redis://host", True).unverified
    assert parse("redis://host").tls is None
    assert parse("redis://host", True).tls == {}


@pytest.mark.slow
def test_a_worker_works_over_tls(place: Place, tmp_path: Path) -> None:
    (tmp_path / "tls.py").write_text(APP)
    environment = {"TEST_BROKER": place.url(), "TEST_CA": str(place.authority)}
    worker = Worker(["-c", "1"], tmp_path / "log", environment=environment, app="tls")
    try:
        with Celeriac("client", broker=place.url(ssl_ca_certs=place.authority)) as app:
            assert app.send_task("add", (2, 3)).get(timeout=30) == 5
        assert worker.stop() == 0
    finally:
        worker.end()
