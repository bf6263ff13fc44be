"""Dead letters, and requests about them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from celeriac.stores import contract as c
from celeriac.stores.contract import dead_letters as letters
from celeriac.stores.sqlite.naming import free_names
from celeriac.stores.sqlite.queues import put
from celeriac.stores.sqlite.transaction import Transaction, array


def bury(tx: Transaction, dead: Iterable[c.DeadLetter]) -> None:
    """Keep letters, and let the oldest fall out."""
    dead = list(dead)
    for failed in {letter.failed for letter in dead}:
        some = [letter for letter in dead if letter.failed == failed]
        names = free_names(tx, "failed_ids" if failed else "dead_ids", [letter.id for letter in some])
        rows = [
            (failed, name, letter.queue, letter.raw, letters.pack(letter), tx.now)
            for letter, name in zip(some, names, strict=True)
        ]
        tx.do_each("bury", rows)
        tx.expire_letters(failed)


def page(tx: Transaction, request: c.DeadLetters) -> tuple[c.DeadLetter, ...]:
    """The newest first, no further one after so many bytes."""
    found: list[c.DeadLetter] = []
    room = request.max_bytes
    for row in _rows(tx, "dead", request, after=request.after, limit=request.limit):
        if room <= 0:
            break
        found.append(_letter(*row))
        room -= len(found[-1].raw)
    return tuple(found)


def read(tx: Transaction, request: c.ReadDead) -> c.DeadLetter | None:
    """One letter."""
    rows = _rows(tx, "read_dead", request, id=request.id)
    return _letter(*rows[0]) if rows else None


def _rows(tx: Transaction, name: str, request: c.DeadLetters | c.ReadDead, **more: Any) -> list[tuple[Any, ...]]:
    return tx.rows(name, failed=request.failed, oldest=tx.oldest_letter(request.failed), **more)


def _letter(id: str, queue: str, raw: bytes, known: Any, buried: int, number: int) -> c.DeadLetter:
    packed = known.encode() if isinstance(known, str) else known
    return letters.unpack(id, queue, raw, packed, buried / 1000, number)


def replay(tx: Transaction, request: c.Replay) -> tuple[str, ...]:
    """Put letters back into queues, each once, and forget the results."""
    revived = [item for item in request.revivals if tx.do("delete_dead_letters", id=item.id, failed=request.failed)]
    put(tx, [c.Message(item.id, item.queue, item.raw, item.priority) for item in revived])
    tx.do("forget_results", tasks=array(item.task for item in revived))
    return tuple(item.id for item in revived)


def drop(tx: Transaction, request: c.DeleteDeadLetters) -> tuple[str, ...]:
    """Delete letters."""
    return tuple(id for id in request.ids if tx.do("delete_dead_letters", id=id, failed=request.failed))
