"""Result documents and the slots of chords."""

from __future__ import annotations

from collections.abc import Iterable

from celeriac.stores import contract as c
from celeriac.stores.sqlite.transaction import Transaction, array
from celeriac.stores.sqlite.wake import READER


def write_results(tx: Transaction, results: Iterable[tuple[str, bytes | None]]) -> None:
    """Write the documents of tasks where there is one; they expire some time from now."""
    seconds = tx.keeping.result_seconds
    expires = tx.now // 1000 + seconds if seconds else None
    tx.insert("write_results", [(task, expires, document) for task, document in results if document is not None])


def write_verdicts(tx: Transaction, verdicts: list[tuple[str, bytes]]) -> None:
    """Write the documents of tasks that have no final one."""
    tasks = array(task for task, _ in verdicts)
    final = {
        task for task, document in tx.rows("read_results", tasks=tasks, now=tx.now // 1000) if c.is_final(document)
    }
    write_results(tx, ((task, document) for task, document in verdicts if task not in final))
    tx.rings.add(READER)


def read_results(tx: Transaction, request: c.ReadResults) -> tuple[bytes | None, ...]:
    """The documents that have not expired."""
    found = dict(tx.rows("read_results", tasks=array(request.tasks), now=tx.now // 1000))
    return tuple(found.get(task) for task in request.tasks)


def note(tx: Transaction, request: c.Note) -> None:
    """Write the document of a task that has no final one."""
    write_verdicts(tx, [(request.task, request.document)])


def forget(tx: Transaction, request: c.Forget) -> None:
    """Delete documents."""
    tx.do("forget_results", tasks=array(request.tasks))


def settle_chord(tx: Transaction, outcome: c.Outcome) -> str:
    """Clear the slots that an outcome no longer needs and fill its own; the chord that this completes, or nothing."""
    if outcome.clears:
        tx.do("clear_slots", chord=outcome.clears)
        tx.do("clear_chord", chord=outcome.clears)
    slot = outcome.slot
    if slot is None:
        return ""
    more = tx.do("fill_slot", chord=slot.chord, place=slot.index, value=slot.value)
    tx.do("count_slot", chord=slot.chord, more=more)
    return slot.chord if tx.do("complete", chord=slot.chord, size=slot.size) else ""


def read_slots(tx: Transaction, request: c.ReadSlots) -> tuple[bytes | None, ...]:
    """The values of a chord by index, None where there is none yet."""
    found = dict(tx.rows("read_slots", chord=request.chord, size=request.size))
    return tuple(found.get(index) for index in range(request.size))
