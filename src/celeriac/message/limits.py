"""Limits on what comes in: how long, how deep, how many. Pure, and free for messages of the usual size.

Every check looks at the length first: a text of n bytes cannot hold more than n values or nest deeper than n.
"""

from __future__ import annotations

import sys
from itertools import accumulate
from typing import Any, Protocol

from msgspec import Struct

from celeriac.exceptions import MessageTooLarge, ResultTooLarge

_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))
_FREE_BYTES = 1 << 25


class Named(Protocol):
    """Settings, or anything else that gives values by name."""

    def __getitem__(self, name: str, /) -> Any: ...


class Limits(Struct, frozen=True):
    """What a message or a result may measure; each field is the setting of that name."""

    message_max_bytes: int = 1 << 26
    message_max_header_bytes: int = 1 << 20
    message_max_body_bytes: int = 1 << 26
    message_max_ratio: int = 100
    message_max_items: int = 10_000_000
    message_max_depth: int = 1000
    result_max_bytes: int = 1 << 26

    @classmethod
    def of(cls, settings: Named) -> Limits:
        """The limits that settings name."""
        return cls(*[settings[name] for name in cls.__struct_fields__])

    def unpacked(self, packed: int) -> int:
        """How long a compressed body of that many bytes may be; the first 32 MiB are free of the ratio."""
        return min(self.message_max_body_bytes, max(_FREE_BYTES, packed * self.message_max_ratio))


USUAL = Limits()


def check_message(raw: bytes, maximum: int) -> None:
    """Raise `MessageTooLarge` for a message longer than that."""
    if len(raw) > maximum:
        raise too_large("the message", len(raw), "bytes", "message_max_bytes", maximum)


def check_result(data: bytes, maximum: int) -> bytes:
    """The result as bytes; raises `ResultTooLarge`."""
    if len(data) > maximum:
        raise ResultTooLarge(f"the result has {len(data)} bytes, result_max_bytes allows {maximum}")
    return data


def check_text(text: bytes, limits: Limits) -> None:
    """Raise `MessageTooLarge` for JSON that is too long, nests too deeply or holds too many values.

    Up to the interpreter's limit of recursion the decoder watches the depth by itself; only where that was
    raised, by anybody, is the text looked through.
    """
    check_size(text, limits)
    size = len(text)
    deep = size > limits.message_max_depth and sys.getrecursionlimit() > limits.message_max_depth
    if size <= limits.message_max_items and not deep:
        return
    if _values_at_most(text) > limits.message_max_items or deep:
        bare = without_strings(text)
        if (count := _values_at_most(bare)) > limits.message_max_items:
            raise too_large("the body", count, "values", "message_max_items", limits.message_max_items)
        if deep and (depth := depth_of(bare)) > limits.message_max_depth:
            raise too_large("the body", depth, "levels", "message_max_depth", limits.message_max_depth)


def check_size(text: bytes, limits: Limits) -> None:
    """Raise `MessageTooLarge` for a body that is too long, whatever it is written in."""
    if len(text) > limits.message_max_body_bytes:
        raise too_large("the body", len(text), "bytes", "message_max_body_bytes", limits.message_max_body_bytes)


def without_strings(text: bytes) -> bytes:
    """A JSON text without what stands in quotes."""
    return b"".join(text.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')[::2])


def _values_at_most(text: bytes) -> int:
    return text.count(b",") + text.count(b"[") + text.count(b"{") + 1


def depth_of(bare: bytes) -> int:
    """How deep the brackets of a JSON text without strings nest."""
    steps = bare.translate(_STEPS, _NO_BRACKETS)
    return max(accumulate(memoryview(steps).cast("b")), default=0)


def too_large(what: str, size: int, unit: str, setting: str, maximum: int) -> MessageTooLarge:
    """The error for something beyond a limit."""
    return MessageTooLarge(f"{what} has {size} {unit}, {setting} allows {maximum}")
