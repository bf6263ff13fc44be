"""URLs are split as the standard library splits them."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from celeriac import Celeriac
from celeriac.exceptions import ImproperlyConfigured, SettingWarning
from celeriac.stores import contract as c
from celeriac.stores.redis import RedisStore
from celeriac.stores.redis.address import parse
from celeriac.stores.redis.url import split
from tools.servers.redis import RedisServer

SECRETS = st.text(st.characters(codec="utf-8"), max_size=8)
HOSTS = st.sampled_from(["", "redis", "Redis.Example", "10.0.0.1", "[::1]", "[fe80::1%25eth0]"])
OPTIONS = st.dictionaries(st.sampled_from(["db", "username", "x y"]), SECRETS, max_size=2)


@given(
    user=SECRETS, password=SECRETS, raw=st.sampled_from("%@:p"), host=HOSTS, port=st.integers(1, 65535), options=OPTIONS
)
def test_as_the_standard_library(user, password, raw, host, port, options):
    query = "&".join(f"{quote(name)}={quote(value, safe='+')}" for name, value in options.items())
    text = f"redis://{quote(user, safe='')}:{quote(password, safe='')}{raw}@{host}:{port}/3?{query}#end"
    ours, theirs = split(text), urlsplit(text)
    assert (ours.scheme, ours.host, ours.port, ours.path) == ("redis", theirs.hostname or "", str(theirs.port), "/3")
    assert (ours.user, ours.password) == (unquote(theirs.username or ""), unquote(theirs.password or ""))
    assert ours.options == dict(parse_qsl(theirs.query))


@pytest.mark.parametrize(
    "text",
    ["redis", "redis:/h", "redis://h:x", "redis://h:65536", "redis://u:a/b@h", "redis://h/one", "redis://[::1]x"],
)
def test_what_names_no_server_is_refused_and_not_shown(text):
    with pytest.raises(ImproperlyConfigured, match="the port or the database is no number") as caught:
        parse(text)
    assert text not in str(caught.value)


def test_options_of_redis_py_are_warned_about_by_name():
    with pytest.warns(SettingWarning) as said:
        address = parse("redis://host/3?health_check_interval=5&retry_on_timeout=true&socket_timeout=2&db=4")
    assert (address.host, address.db) == ("host", 4)
    texts = [str(each.message) for each in said]
    assert [name in text for name, text in zip(WARNED, texts, strict=True)] == [True] * 3


WARNED = ("health_check_interval", "retry_on_timeout", "socket_timeout")


@pytest.mark.parametrize("option", ["nosuch", "ssl_ca_path", "credential_provider"])
def test_options_that_would_be_missed_are_refused_by_name(option):
    with pytest.raises(ImproperlyConfigured, match=option):
        parse(f"rediss://user:s3cr3t@host/0?{option}=x")


def test_several_servers_are_refused_in_a_sentence():
    for text in ("redis://:s3cr3t@a:1/0;redis://b:2/0", "redis://a,redis://b"):
        with pytest.raises(ImproperlyConfigured, match=r"several Redis URLs: .* not there yet") as caught:
            parse(text)
        assert "s3cr3t" not in str(caught.value)
    with pytest.raises(ImproperlyConfigured, match=r"broker_url names 2 brokers: .* not there yet"):
        Celeriac("several", broker=["redis://a", "redis://b"])  # type: ignore[arg-type]
    assert Celeriac("one", broker=["redis://a/1"]).conf.broker_url == "redis://a/1"  # type: ignore[arg-type]


def test_what_holds_a_semicolon_is_still_one_server():
    address = parse("redis://us;er:p;w%2F%3B@host:1/2")
    assert (address.username, address.password, address.host, address.db) == ("us;er", "p;w/;", "host", 2)
    assert parse("unix:///run/a;b.sock").path == "/run/a;b.sock"


def test_a_socket_of_the_machine_and_a_password_of_any_letters(tmp_path):
    path, password = tmp_path / "redis.sock", "p@ss:w/ö;?#%&"
    with RedisServer(tmp_path / "redis", options=["--unixsocket", str(path)]) as server:
        with redis.Redis(port=server.port) as admin:
            admin.execute_command("ACL", "SETUSER", "ann:o", "on", f">{password}", "+@all", "~*", "&*")
        login = f"{quote('ann:o', safe='')}:{quote(password, safe='')}"
        for url in (f"unix://{login}@{path}?virtual_host=3", f"redis://{login}@127.0.0.1:{server.port}/3"):
            with contextlib.closing(RedisStore(url)) as store:
                store.run(c.Enqueue((c.Message(url, "q", b"x"),)))
                assert asyncio.run(store.arun(c.Stats(("q",))))[0].ready >= 1
                asyncio.run(begin_and_end(store))
        with redis.Redis(port=server.port, db=3) as admin:
            assert admin.llen("q") == 2


async def begin_and_end(store):
    session = await store.connect(c.Lease("w", "e"))
    await session.close()
