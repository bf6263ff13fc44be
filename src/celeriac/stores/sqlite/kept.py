"""What is kept under a name of its own: the calls that keys stand for, and saved groups."""

from __future__ import annotations

from celeriac.stores import contract as c
from celeriac.stores.sqlite.queues import enqueue
from celeriac.stores.sqlite.results import read_results, write_results
from celeriac.stores.sqlite.transaction import Transaction


def share(tx: Transaction, request: c.Share) -> c.Shared:
    """Find the call of a key, or make this one it."""
    label = f"call:{request.key}"
    known = _find(tx, label)
    task, made = known if known is not None else (request.task, tx.now)
    if (known is None or task == request.stale) and enqueue(tx, c.Enqueue((request.message,))).fresh[0]:
        task, made = request.task, tx.now
        expires = tx.now + int((request.seconds + c.SHARE_RUN_SECONDS) * 1000)
        tx.do("keep", label=label, now=tx.now, expires=expires, document=task.encode())
        write_results(tx, [(task, request.document)])
    return c.Shared(task, tx.now - made, *read_results(tx, c.ReadResults((task,))))


def _find(tx: Transaction, label: str) -> tuple[str, int] | None:
    rows = tx.rows("read_kept", label=label, now=tx.now)
    return (rows[0][0].decode(), rows[0][1]) if rows else None


def save_group(tx: Transaction, request: c.SaveGroup) -> None:
    """Keep a group for as long as a result."""
    seconds = tx.keeping.result_seconds
    expires = tx.now + seconds * 1000 if seconds else None
    tx.do("keep", label=f"group:{request.group}", now=tx.now, expires=expires, document=request.document)


def read_group(tx: Transaction, request: c.ReadGroup) -> bytes | None:
    """A saved group."""
    rows = tx.rows("read_kept", label=f"group:{request.group}", now=tx.now)
    document: bytes | None = rows[0][0] if rows else None
    return document


def drop_group(tx: Transaction, request: c.DropGroup) -> None:
    """Delete it."""
    tx.do("drop_kept", label=f"group:{request.group}")
