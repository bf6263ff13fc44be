"""Where a task is, and why, found by its id."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from celeriac import states
from celeriac.clock import utc_datetime
from celeriac.exceptions import MalformedMessage
from celeriac.message import document, values
from celeriac.message import task as wire
from celeriac.store import contract as c
from celeriac.store.delays import find_delayed

DEPTH = 2000
"""How many messages of each queue are looked at."""

_SHORT = 200


class Explanation(Struct, frozen=True):
    """What is known of a task.

    `status` is one word: `waiting`, `delayed`, `parked`, `running`, `dead`, `finished`, `revoked`, `elsewhere` (only
    its last word is here), `unknown`. `sentence` says it to a person; `state` is Celery's word. `since`: when a worker
    claimed it, or it ended; `due`: until when it is held back; `ahead`: how many messages are served before it;
    `attempt` counts from 1. `unseen`: queues too long to be looked through, where it may still be.
    """

    id: str
    status: str
    sentence: str
    state: str = states.PENDING
    task: str = ""
    queue: str = ""
    worker: str = ""
    since: datetime | None = None
    due: datetime | None = None
    attempt: int = 0
    ahead: int | None = None
    reason: str = ""
    unseen: tuple[str, ...] = ()


def explain(store: c.Store, id: str, depth: int = DEPTH) -> Explanation:
    """Look for a task in queues, workers' hands, delayed messages, dead letters and results, in this order.

    The store is asked several times, and a task that moves meanwhile is looked for again; that it is `unknown`
    means that no place had it in two rounds: it never came, its result has expired or was not kept, or it is in
    one of the `unseen` queues. Of each queue the first `depth` messages are looked at. Raises `OperationalError`.
    """
    return _look(store, id, depth) or _look(store, id, depth) or _unknown(store, id, depth)


def _look(store: c.Store, id: str, depth: int) -> Explanation | None:
    (data,) = store.run(c.ReadResults((id,)))
    found = document.Document() if data is None else store.format.read(data)
    held_back = find_delayed(store.run, id)
    if held_back is not None:
        return _delayed(id, held_back, found)
    located = store.run(c.Locate(id, depth))
    holding = next((each for each in located.held if wire.read_id(each.raw) == id), None)
    if holding is not None:
        return _running(id, holding, found, located)
    sighting = next((each for each in located.ready if wire.read_id(each.raw) == id), None)
    if sighting is not None:
        (stats,) = store.run(c.Stats((sighting.queue,)))
        return _waiting(id, sighting, stats, found)
    letter = store.run(c.ReadDead(id))
    if letter is not None:
        when = utc_datetime(letter.when)
        sentence = f"dead letter in queue {letter.queue} since {_text(when)}: {letter.reason}"
        return Explanation(
            *(id, "dead", sentence, found.status, letter.task, letter.queue, letter.worker, when),
            attempt=len(letter.attempts),
            reason=letter.reason,
        )
    return _ended(id, found, located) if data is not None or located.revoked else None


def _delayed(id: str, message: c.DelayedMessage, found: document.Document) -> Explanation:
    due, (task, attempt, parked) = utc_datetime(message.due / 1000), _named(message.raw)
    if parked:
        sentence = (
            f"parked since {_text(utc_datetime(parked))}: no worker that looked knows the task {task}, or the chord "
            "that it is part of; "
            f"looked at again at {_text(due)}"
        )
        return Explanation(
            id, "parked", sentence, found.status, task, message.queue, "", utc_datetime(parked), due, attempt
        )
    what = f"attempt {attempt}" if attempt > 1 else "it"
    sentence = f"delayed: {what} goes into queue {message.queue} at {_text(due)}"
    return Explanation(id, "delayed", sentence, found.status, task, message.queue, due=due, attempt=attempt)


def _running(id: str, holding: c.Holding, found: document.Document, located: c.Located) -> Explanation:
    since = utc_datetime(holding.since / 1000) if holding.since else None
    task, attempt, _ = _named(holding.raw)
    when = f" since {_text(since)}" if since else ""
    also = "; it is revoked" if located.revoked else ""
    sentence = f"running on {holding.worker}{when} (attempt {attempt}){also}"
    return Explanation(
        id, "running", sentence, found.status, task, holding.queue, holding.worker, since, attempt=attempt
    )


def _waiting(id: str, sighting: c.Sighting, stats: c.QueueStats, found: document.Document) -> Explanation:
    task, attempt, _ = _named(sighting.raw)
    where = f"in the paused queue {sighting.queue}" if stats.paused else f"in queue {sighting.queue}"
    sentence = f"waiting {where}, {sighting.ahead} messages are served before it"
    return Explanation(
        id, "waiting", sentence, found.status, task, sighting.queue, attempt=attempt, ahead=sighting.ahead
    )


def _ended(id: str, found: document.Document, located: c.Located) -> Explanation:
    """No message of it is anywhere."""
    done = document.instant(found.date_done)
    when = f" at {_text(done)}" if done else ""
    worker = found.worker or ""
    if found.status == states.SUCCESS:
        return Explanation(
            id, "finished", f"finished{when}: SUCCESS", found.status, found.name or "", worker=worker, since=done
        )
    if found.status == states.REVOKED or (found.status == states.PENDING and located.revoked):
        reason = str(found.result or "revoked")
        return Explanation(id, "revoked", f"revoked{when}", states.REVOKED, found.name or "", since=done, reason=reason)
    reason = values.short_repr(found.result, _SHORT)
    if found.status in states.READY_STATES:
        return Explanation(
            *(id, "finished", f"finished{when}: {found.status}: {reason}", found.status, found.name or ""),
            worker=worker,
            since=done,
            reason=reason,
        )
    sentence = f"its last word was {found.status}: {reason}; no message of it is here: a worker of Celery may have it"
    return Explanation(id, "elsewhere", sentence, found.status, found.name or "", worker=worker, reason=reason)


def _unknown(store: c.Store, id: str, depth: int) -> Explanation:
    unseen = store.run(c.Locate(id, depth)).unseen
    sentence = "unknown: no message, result or dead letter has this id"
    if unseen:
        sentence += f", as far as was looked: of {', '.join(unseen)} only the first {depth} messages"
    return Explanation(id, "unknown", sentence, unseen=unseen)


def _named(raw: bytes) -> tuple[str, int, float]:
    """The task, the number of the attempt, and since when it is parked."""
    try:
        headers = wire.read_headers(raw)
    except MalformedMessage:
        return "", 1, 0.0
    return headers.task, 1 + headers.retries + headers.crashes + headers.losses, headers.parked


def _text(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"
