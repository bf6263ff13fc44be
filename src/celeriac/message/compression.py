"""Compressed bodies, under the names that Celery gives the methods (kombu.compression).

Unpacking stops at a limit: a body that would become longer is refused after so many bytes and not when the
memory is full. brotli needs the package `brotli` (1.2 or newer: older ones cannot stop), zstd Python 3.14 or
`backports.zstd`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from celeriac.exceptions import InvalidOption, MalformedMessage
from celeriac.interrupts import FROM_OUTSIDE
from celeriac.message.limits import too_large

_ZSTD = ("compression.zstd", "backports.zstd")
_LZMA_MEMORY = 1 << 27
_ZLIB_OR_GZIP = 32 + zlib.MAX_WBITS


def _unpack_zlib(data: bytes, maximum: int) -> tuple[bytes, bool]:
    unpacker = zlib.decompressobj(_ZLIB_OR_GZIP)
    return unpacker.decompress(data, maximum), unpacker.eof


def _unpack_bzip2(data: bytes, maximum: int) -> tuple[bytes, bool]:
    return _drain(_load("bz2").BZ2Decompressor(), data, maximum)


def _unpack_lzma(data: bytes, maximum: int) -> tuple[bytes, bool]:
    return _drain(_load("lzma").LZMADecompressor(memlimit=_LZMA_MEMORY), data, maximum)


def _unpack_zstd(data: bytes, maximum: int) -> tuple[bytes, bool]:
    return _drain(_load(*_ZSTD).ZstdDecompressor(), data, maximum)


def _unpack_brotli(data: bytes, maximum: int) -> tuple[bytes, bool]:
    unpacker = _load("brotli").Decompressor()
    text: bytes = unpacker.process(data, output_buffer_limit=maximum)
    return text, unpacker.is_finished()


def _drain(unpacker: Any, data: bytes, maximum: int) -> tuple[bytes, bool]:
    """Decompressors that give what they have, up to a length."""
    parts, size = [unpacker.decompress(data, maximum)], 0
    while parts[-1] and not unpacker.eof and (size := size + len(parts[-1])) < maximum:
        parts.append(unpacker.decompress(b"", maximum - size))
    return b"".join(parts), unpacker.eof


def _load(*modules: str) -> Any:
    """The first of these modules that is there; few processes ever need one."""
    for name in modules:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise MalformedMessage(f"the body is compressed, and {modules[-1]} is not installed here")


def _pack(data: bytes, modules: tuple[str, ...]) -> bytes:
    packed: bytes = _load(*modules).compress(data)
    return packed


Unpack = Callable[[bytes, int], tuple[bytes, bool]]
Pack = Callable[[bytes], bytes]

_METHODS: tuple[tuple[Unpack, Pack, tuple[str, ...]], ...] = (
    (_unpack_zlib, zlib.compress, ("application/x-gzip", "gzip", "zlib")),
    (_unpack_bzip2, partial(_pack, modules=("bz2",)), ("application/x-bz2", "bzip2", "bzip")),
    (_unpack_lzma, partial(_pack, modules=("lzma",)), ("application/x-lzma", "lzma", "xz")),
    (_unpack_brotli, partial(_pack, modules=("brotli",)), ("application/x-brotli", "brotli")),
    (_unpack_zstd, partial(_pack, modules=_ZSTD), ("application/zstd", "zstd", "zstandard")),
)
_UNPACKERS = {name: unpack for unpack, _, names in _METHODS for name in names}
_PACKERS = {name: (pack, names[0]) for _, pack, names in _METHODS for name in names}


def pack(data: bytes, method: str) -> tuple[bytes, str]:
    """The body compressed, and the method's name in the header; raises `InvalidOption` for one that is not here."""
    found = _PACKERS.get(method)
    if found is None:
        raise InvalidOption(f"compression cannot be {method!r}: gzip, bzip2, lzma, brotli or zstd")
    packer, name = found
    try:
        return packer(data), name
    except MalformedMessage as error:
        raise InvalidOption(f"compression cannot be {method!r} here: {error}") from error


def unpack(data: bytes, method: str, maximum: int) -> bytes:
    """The body as it was, at most so many bytes of it; raises `MalformedMessage` or `MessageTooLarge`."""
    unpacker = _UNPACKERS.get(method)
    if unpacker is None:
        raise MalformedMessage(f"cannot unpack compression {method[:100]!r}")
    try:
        # One byte more tells what is too long from what fits exactly.
        text, complete = unpacker(data, maximum + 1)
    except (MalformedMessage, *FROM_OUTSIDE):
        raise
    except Exception as error:  # each library has errors of its own, brotli not even a class that one can name
        raise MalformedMessage(f"cannot unpack the body: {error}") from error
    if len(text) > maximum:
        raise too_large(f"the body, {len(data)} bytes packed,", len(text), "bytes or more", "this worker", maximum)
    if not complete:
        raise MalformedMessage("cannot unpack the body: it is cut off")
    return text
