"""Names for what is kept under the ids of messages: none may take the place of another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from celeriac.stores.sqlite.transaction import Transaction, array


def free_names(tx: Transaction, statement: str, ids: list[str]) -> Iterator[str]:
    """Each id, or the first of `id#2`, `id#3`... that is free; the statement tells those of some ids that are not."""
    taken = {id for (id,) in tx.rows(statement, ids=array(ids))}
    for id in ids:
        name, copies = id, count(2)
        while name in taken or (name != id and tx.rows(statement, ids=array([name]))):
            name = f"{id}#{next(copies)}"
        taken.add(name)
        yield name
