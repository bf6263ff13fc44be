"""Bodies that are small as they travel and would fill the memory."""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from functools import cache
from importlib import import_module

import brotli
import pytest

from tests.bad_input.stage import Stage, message

zstd = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
METHODS = {
    "application/x-gzip": zlib.compress,
    "application/x-bz2": bz2.compress,
    "application/x-lzma": lzma.compress,
    "application/x-brotli": brotli.compress,
    "application/zstd": zstd.compress,
}
LENGTH = 40_000_000


@cache
def bomb(method: str) -> bytes:
    """Forty megabytes packed by this method."""
    return METHODS[method](b"[" + b" " * LENGTH)


@pytest.mark.parametrize("method", METHODS)
def test_a_bomb_is_set_aside(stage: Stage, method: str) -> None:
    stage.refuses(message(bomb(method), headers={"compression": method}), "MessageTooLarge.*packed")


@pytest.mark.parametrize("method", METHODS)
def test_a_packed_call_is_run(stage: Stage, method: str) -> None:
    packed = METHODS[method](b'[["%b"], {}, {}]' % (b"x" * 20_000_000))
    stage.put(message(packed, task="length", headers={"id": f"packed-{method}", "compression": method}))
    assert stage.app.AsyncResult(f"packed-{method}").get(timeout=30) == 20_000_000


def test_what_cannot_be_unpacked_is_set_aside(stage: Stage) -> None:
    for method in (*METHODS, "no such method", ""):
        stage.refuses(message(b"nothing of the kind", headers={"compression": method}), "cannot unpack")
