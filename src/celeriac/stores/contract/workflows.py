"""Workflows: the slots of a chord, and the queue of those that are complete."""

from __future__ import annotations

from msgspec import Struct

from celeriac.stores.contract.request import Request

ADVANCE_QUEUE = "celeriac.advance"
"""The queue of chords that are complete and whose body is not yet enqueued; every worker serves it."""


class Slot(Struct, frozen=True):
    """One member's value of a chord of `size` members; the first value of an index stays."""

    chord: str
    index: int
    size: int
    value: bytes


class ReadSlots(Request[tuple[bytes | None, ...]], frozen=True):
    """The values of a chord, by index."""

    chord: str
    size: int
