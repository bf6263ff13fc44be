"""Requests about what was revoked."""

from __future__ import annotations

from celeriac.stores import contract as c
from celeriac.stores.sqlite.delaying import undelay
from celeriac.stores.sqlite.results import write_verdicts
from celeriac.stores.sqlite.transaction import Transaction
from celeriac.stores.sqlite.wake import NEWS


def revoke(tx: Transaction, request: c.Revoke) -> c.Ended:
    """End the tasks that are delayed and remember the others."""
    tx.do("expire_revocations", now=tx.now)
    ended: list[c.Revocation] = []
    rows: list[tuple[str, int, int, bool, str, bytes]] = []
    revision = tx.value("revision")
    for item in request.revocations:
        if undelay(tx, item.task):
            ended.append(item)
        else:
            ends = tx.now + int(item.seconds * 1000)
            rows.append((item.task, revision + len(rows) + 1, ends, item.terminate, item.signal, item.result))
    if ended:
        write_verdicts(tx, [(item.task, item.result) for item in ended])
    if rows:
        tx.do_each("revoke", rows)
        tx.do("raise_revision", more=len(rows))
        tx.rings.add(NEWS)
    return c.Ended(tuple(item.task for item in ended))


def revocations(tx: Transaction, request: c.Revocations) -> c.Revoked:
    """What was revoked since a revision."""
    rows = tx.rows("revocations", since=request.since, now=tx.now)
    entries = (c.Revocation(task, result, bool(kill), signal, left) for task, result, kill, signal, left in rows)
    return c.Revoked(tx.value("revision"), tuple(entries))
