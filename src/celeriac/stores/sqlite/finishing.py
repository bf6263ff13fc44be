"""The end of claims and the taking of new ones, in one step."""

from __future__ import annotations

from itertools import count

from celeriac.stores import contract as c
from celeriac.stores.sqlite.burying import bury
from celeriac.stores.sqlite.claims import held
from celeriac.stores.sqlite.queues import put
from celeriac.stores.sqlite.results import settle_chord, write_results
from celeriac.stores.sqlite.statements import SQL
from celeriac.stores.sqlite.transaction import Transaction, array
from celeriac.stores.sqlite.wake import READER


def finish(tx: Transaction, request: c.Finish) -> c.Finished:
    """End claims with all that belongs to it, then take new ones."""
    lease, epoch = tx.lease(request.lease), request.lease.epoch
    numbers = count(request.first)
    done, lost = held(tx, lease, epoch, request.outcomes)
    claims: list[c.Claim] = []
    if done:
        tx.do("drop_claims", lease=lease, numbers=array(row.number for _, row in done))
        tx.do("drop_messages", numbers=array(row.message for _, row in done))
        claims = _hold_advances(tx, lease, epoch, numbers, _settle(tx, [outcome for outcome, _ in done]))
    if request.count:
        claims += _take(tx, lease, request, numbers)
    return c.Finished(lost, tuple(claims), *tx.horizon())


def _settle(tx: Transaction, outcomes: list[c.Outcome]) -> list[str]:
    """Do what the outcomes say; the chords that they complete."""
    write_results(tx, ((outcome.task, outcome.result) for outcome in outcomes))
    put(tx, [message for outcome in outcomes for message in outcome.successors])
    bury(tx, (outcome.dead for outcome in outcomes if outcome.dead is not None))
    if any(outcome.result is not None for outcome in outcomes):
        tx.rings.add(READER)
    return [chord for outcome in outcomes if (chord := settle_chord(tx, outcome))]


def _hold_advances(tx: Transaction, lease: int, epoch: str, numbers: count[int], chords: list[str]) -> list[c.Claim]:
    """Claims of the advances of chords, which were never ready."""
    if not chords:
        return []
    claims, rows, messages = [], [], []
    for message, chord in enumerate(chords, tx.value("last_message") + 1):
        number = next(numbers)
        claims.append(c.Claim(f"{epoch}:{number}", c.ADVANCE_QUEUE, chord.encode()))
        messages.append((message, chord.encode()))
        rows.append((lease, number, message, c.ADVANCE_QUEUE, 0, 0, tx.now))
    tx.insert("add_messages", messages)
    tx.insert("add_claims", rows)
    return claims


def _take(tx: Transaction, lease: int, request: c.Finish, numbers: count[int]) -> list[c.Claim]:
    """Claim what is ready, within the bounds of the request."""
    epoch = request.lease.epoch
    claims: list[c.Claim] = []
    rows: list[tuple[int, int, int, str, int, int, int]] = []
    size = 0
    for queue in (c.ADVANCE_QUEUE, *request.queues):
        if len(claims) >= request.count or size >= request.max_bytes:
            break
        last = None
        waiting = tx.connection.execute(SQL["claimable"], {"queue": queue, "limit": request.count - len(claims)})
        for priority, position, message, raw in waiting:
            number = next(numbers)
            claims.append(c.Claim(f"{epoch}:{number}", queue, raw, priority))
            rows.append((lease, number, message, queue, priority, 0, tx.now))
            last = priority, position
            size += len(raw)
            if size >= request.max_bytes:
                break
        waiting.close()
        if last:
            tx.do("take", queue=queue, priority=last[0], position=last[1])
    tx.insert("add_claims", rows)
    return claims


def start(tx: Transaction, request: c.Start) -> c.LostClaims:
    """Write the documents of claims and mark those that run once."""
    lease = tx.lease(request.lease)
    begins, lost = held(tx, lease, request.lease.epoch, request.begins)
    tx.do("start_claims", lease=lease, numbers=array(row.number for begin, row in begins if begin.once))
    write_results(tx, ((begin.task, begin.result) for begin, _ in begins))
    return c.LostClaims(lost)
