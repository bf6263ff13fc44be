"""Limits on bodies: what is let through, what is refused, and that nothing is unpacked beyond them."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import sys
import tracemalloc
import zlib
from importlib import import_module

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.exceptions import MalformedMessage, MessageTooLarge
from celeriac.message import limits
from celeriac.message import task as wire
from celeriac.message.limits import Limits

zstd = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

METHODS = {
    "application/x-gzip": zlib.compress,
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "application/x-bz2": bz2.compress,
    "bzip2": bz2.compress,
    "application/x-lzma": lzma.compress,
    "xz": lzma.compress,
    "application/x-brotli": brotli.compress,
    "brotli": brotli.compress,
    "application/zstd": zstd.compress,
    "zstd": zstd.compress,
}
SMALL = Limits(message_max_body_bytes=100_000)


def message(body: bytes, **headers) -> wire.TaskMessage:
    whole = {
        "body": base64.b64encode(body).decode(),
        "headers": {"id": "i", "task": "t", **headers},
        "properties": {"body_encoding": "base64"},
    }
    return wire.read_task(json.dumps(whole).encode())


@pytest.mark.parametrize("method", METHODS)
def test_a_compressed_body_is_read(method):
    body = json.dumps([["a" * 90_000], {"k": 1}, {}]).encode()
    packed = message(METHODS[method](body), compression=method)
    assert wire.read_body(packed, SMALL) == (["a" * 90_000], {"k": 1}, {})


@pytest.mark.parametrize("method", METHODS)
def test_a_bomb_is_refused_before_it_is_unpacked(method):
    bomb = message(METHODS[method](b"[" + b" " * 40_000_000), compression=method)
    tracemalloc.start()
    try:
        with pytest.raises(MessageTooLarge, match="bytes packed"):
            wire.read_body(bomb, SMALL)
        maximum = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert maximum < 20_000_000


@pytest.mark.parametrize("method", METHODS)
def test_a_compressed_body_that_is_cut_off_or_none_is_refused(method):
    packed = METHODS[method](json.dumps([list(range(5000)), {}, {}]).encode())
    for data in (packed[:-20], packed[:5], b"", b"no such thing" * 10):
        with pytest.raises(MalformedMessage):
            wire.read_body(message(data, compression=method))


def test_a_method_that_is_not_known_is_refused():
    with pytest.raises(MalformedMessage, match="rot13"):
        wire.read_body(message(b"[[], {}, {}]", compression="rot13"))


def test_an_xz_body_that_wants_gigabytes_to_be_unpacked_is_refused():
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29}]
    packed = lzma.compress(b"[[], {}, {}]", filters=filters, preset=None)
    with pytest.raises(MalformedMessage, match="emory"):
        wire.read_body(message(packed, compression="xz"))


def test_the_ratio_counts_from_32_mebibytes_on():
    assert Limits().unpacked(10) == 1 << 25
    assert Limits().unpacked(500_000) == 50_000_000
    assert Limits().unpacked(1 << 30) == Limits().message_max_body_bytes


@pytest.mark.parametrize("size", [20_000_000])
def test_twenty_megabytes_pass_by_default(size):
    body = json.dumps([["x" * size], {}, {}]).encode()
    (value,), _, _ = wire.read_body(message(body))
    assert len(value) == size
    assert wire.read_headers(json.dumps({"body": "x" * size, "headers": {"id": "i", "task": "t"}}).encode()).id == "i"


@pytest.mark.parametrize(
    ("changed", "setting"),
    [
        (Limits(message_max_body_bytes=40), "message_max_body_bytes"),
        (Limits(message_max_items=5), "message_max_items"),
        (Limits(message_max_depth=3), "message_max_depth"),
    ],
)
def test_what_is_beyond_a_limit_is_refused_with_the_name_of_the_setting(changed, setting):
    body = json.dumps([[1, 2, [3, [4]]], {"k": "[[[[,,,,"}, {}]).encode()
    wire.read_body(message(body))
    with pytest.raises(MessageTooLarge, match=setting):
        wire.read_body(message(body), changed)


def test_brackets_and_commas_in_text_count_for_nothing():
    text = '[[[[{{,,,,\\"[[[["[\\\\'
    body = json.dumps([[text], {text: text}, {}]).encode()
    tight = Limits(message_max_items=8, message_max_depth=2)
    assert wire.read_body(message(body), tight) == ([text], {text: text}, {})


JSON = st.recursive(
    st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


def depth(value) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(JSON)
def test_depth_is_that_of_the_value(value):
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert limits.depth_of(limits.without_strings(text.encode())) == depth(value)


def test_a_raised_limit_of_recursion_does_not_let_the_stack_overflow():
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(10**6)
    try:
        with pytest.raises(MessageTooLarge, match="100002 levels"):
            wire.read_body(message(b"[[" + b"[" * 100_000 + b"]" * 100_000 + b"], {}, {}]"))
    finally:
        sys.setrecursionlimit(usual)


def test_the_core_refuses_by_length_alone():
    raw = json.dumps({"body": "x" * 200, "headers": {"id": "i", "task": "t", "more": "y" * 300}}).encode()
    with pytest.raises(MessageTooLarge, match="message_max_bytes"):
        wire.read_headers(raw, Limits(message_max_bytes=500))
    with pytest.raises(MessageTooLarge, match="message_max_header_bytes"):
        wire.read_headers(raw, Limits(message_max_header_bytes=300))
    assert wire.read_headers(raw, Limits(message_max_header_bytes=400)).id == "i"
    assert wire.read_id(raw) == "i"


@pytest.mark.parametrize(
    "headers",
    [
        {"retries": -1},
        {"retries": 10**30},
        {"retries": "many"},
        {"timelimit": [-1, None]},
        {"timelimit": [1e300, None]},
        {"timelimit": [1, 2, 3]},
        {"timelimit": "soon"},
        {"eta": 5},
        {"eta": "x" * 1000},
        {"id": "x" * 2000},
        {"task": "\ud800"},
        {"expires": []},
    ],
    ids=str,
)
def test_headers_that_make_no_sense_are_refused(headers):
    raw = json.dumps({"body": "", "headers": {"id": "i", "task": "t", **headers}}).encode()

    def read() -> None:
        wire.read_headers(raw)
        wire.read_task(raw)

    with pytest.raises(MalformedMessage):
        read()


@pytest.mark.parametrize("limit", [b"NaN", b"1e400", b"-Infinity"])
def test_a_time_limit_that_is_no_number_of_seconds_is_refused_and_its_task_can_be_named(limit):
    raw = b'{"body": "", "headers": {"id": "i", "task": "t", "timelimit": [%b, null]}}' % limit
    with pytest.raises(MalformedMessage):
        wire.read_task(raw)
    assert wire.read_id(raw) == "i"


def test_a_rewrite_leaves_the_body_and_odd_numbers_alone():
    body = base64.b64encode(b"[[], {}, {}]")
    raw = b'{"body": "%b", "headers": {"id": "i", "task": "t", "x": 1}, "properties": {"y": 2.50}}' % body
    assert json.loads(wire.rewrite(raw, mine=2))["headers"] == {"id": "i", "task": "t", "x": 1, "mine": 2}
    odd = raw.replace(b"2.50", b"-Infinity")
    assert json.loads(wire.rewrite(odd, mine=2))["properties"] == {"y": float("-inf")}


def test_an_envelope_of_many_values_is_not_built_in_the_core():
    raw = b'{"headers": {"id": "i", "task": "t"}, "x": NaN, "y": [%b0]}' % (b"[]," * 300_000)
    with pytest.raises(MalformedMessage, match="message_max_items"):
        wire.read_headers(raw)
