"""The claims of a lease, found by their ids."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from celeriac.stores.sqlite.transaction import Transaction, array


class Held(NamedTuple):
    """A claim as its row has it."""

    number: int
    message: int
    queue: str
    priority: int


class Named(Protocol):
    """A part of a request that names a claim."""

    @property
    def claim(self) -> str:
        """The claim id."""


N = TypeVar("N", bound=Named)

_rows = msgspec.json.Decoder(list[Held])


def held(tx: Transaction, lease: int, epoch: str, items: Iterable[N]) -> tuple[list[tuple[N, Held]], tuple[str, ...]]:
    """Those of the items whose claims are held, each with its claim, and the claim ids of the others.

    A claim named twice is held the first time only.
    """
    items = list(items)
    if not items:
        return [], ()
    numbers = array(int(item.claim.rpartition(":")[2]) for item in items if is_claim_id(item.claim, epoch))
    known = _rows.decode(tx.value("held", lease=lease, numbers=numbers))
    rows = {f"{epoch}:{row.number}": row for row in known}
    found, lost = [], []
    for item in items:
        row = rows.pop(item.claim, None)
        if row is None:
            lost.append(item.claim)
        else:
            found.append((item, row))
    return found, tuple(lost)


def is_claim_id(claim: str, epoch: str) -> bool:
    """Whether an id can be that of a claim of a lease; a number has at most 18 digits."""
    head, _, number = claim.rpartition(":")
    return head == epoch and number.isascii() and number.isdecimal() and len(number) <= 18
