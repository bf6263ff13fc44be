"""Messages held back, and requests about them."""

from __future__ import annotations

from celeriac.stores import contract as c
from celeriac.stores.contract.delayed import is_attempt
from celeriac.stores.sqlite.naming import free_names
from celeriac.stores.sqlite.results import write_verdicts
from celeriac.stores.sqlite.transaction import Transaction, array
from celeriac.stores.sqlite.wake import WORKER


def delay(tx: Transaction, rows: list[tuple[int, int, str, int, str]]) -> None:
    """Due time, number, queue, priority and id of messages, among the delayed."""
    if rows:
        names = free_names(tx, "delayed_ids", [id for *_, id in rows])
        tx.insert("delay", [(*row, name) for (*row, _), name in zip(rows, names, strict=True)])
        tx.rings.add(WORKER)


def undelay(tx: Transaction, task: str) -> bool:
    """Drop the delayed messages of a task; whether there was one."""
    rows = [(number, message) for number, message, id in tx.rows("attempts", task=task) if is_attempt(id, task)]
    if rows:
        _drop(tx, rows)
    return bool(rows)


def page(tx: Transaction, request: c.Delayed) -> c.DelayedPage:
    """A page in the order of the times, or with a prefix, of the ids; the mark is where the last one looked at is."""
    due, _, id = request.after.partition("\n")
    if request.prefix:
        end = request.prefix + chr(0x10FFFF)
        rows = tx.rows("delayed_by_id", id=id, prefix=request.prefix, end=end, limit=request.limit)
    else:
        rows = tx.rows("delayed_by_due", due=int(due or 0), id=id, limit=request.limit)
    messages: list[c.DelayedMessage] = []
    size, last = 0, ""
    for row in rows:
        if size >= request.max_bytes:
            return c.DelayedPage(tuple(messages), last)
        message = c.DelayedMessage(*row)
        last = f"{message.due}\n{message.id}"
        if request.queue in ("", message.queue):
            messages.append(message)
            size += len(message.raw)
    return c.DelayedPage(tuple(messages), "" if len(rows) < request.limit else last)


def read(tx: Transaction, request: c.ReadDelayed) -> tuple[c.DelayedMessage | None, ...]:
    """Delayed messages by their ids."""
    found = {row[0]: c.DelayedMessage(*row) for row in tx.rows("delayed_of", ids=array(request.ids))}
    return tuple(found.get(id) for id in request.ids)


def adjust(tx: Transaction, request: c.AdjustDelayed) -> tuple[bool, ...]:
    """Change delayed messages."""
    there = {id: row for id, *row in _rows(tx, [item.id for item in request.adjustments])}
    for item in request.adjustments:
        if item.id not in there:
            continue
        number, message, queue, due = there[item.id]
        queue = queue if item.queue is None else item.queue
        due = due if item.delay is None else tx.now + item.delay
        there[item.id] = [number, message, queue, due]
        tx.do_each("adjust", [(due, queue, number)])
        if item.raw is not None:
            tx.do_each("change_message", [(item.raw, message)])
    tx.rings.add(WORKER)
    return tuple(item.id in there for item in request.adjustments)


def cancel(tx: Transaction, request: c.CancelDelayed) -> tuple[bool, ...]:
    """Drop delayed messages and write what became of their tasks."""
    rows = _rows(tx, [item.id for item in request.cancellations])
    _drop(tx, [(number, message) for _, number, message, _, _ in rows])
    left = {id for id, *_ in rows}
    found = []
    for item in request.cancellations:
        found.append(item.id in left)
        left.discard(item.id)
    pairs = zip(request.cancellations, found, strict=True)
    write_verdicts(tx, [(item.task, item.result) for item, there in pairs if there])
    return tuple(found)


def _rows(tx: Transaction, ids: list[str]) -> list[tuple[str, int, int, str, int]]:
    """Id, number, message, queue and time of delayed messages."""
    return tx.rows("delayed_rows", ids=array(ids))


def _drop(tx: Transaction, rows: list[tuple[int, int]]) -> None:
    """Drop delayed messages by their numbers and those of their messages."""
    tx.do("drop_delayed", numbers=array(number for number, _ in rows))
    tx.do("drop_messages", numbers=array(message for _, message in rows))
