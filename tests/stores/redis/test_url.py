"""URLs are split as the standard library splits them."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.exceptions import ImproperlyConfigured
from celeriac.stores.redis.address import parse
from celeriac.stores.redis.url import split

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
