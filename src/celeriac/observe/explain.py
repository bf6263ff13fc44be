"""Where a task is, and why, found by its id."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from celeriac import states
from celeriac.clock import utc_datetime
from celeriac.control.workers import celery_may_serve, look_who_serves, progress_text
from celeriac.exceptions import MalformedMessage
from celeriac.message import document, values
from celeriac.message import task as wire
from celeriac.stores import contract as c
from celeriac.stores.contract.delayed import find_delayed

DEPTH = 2000
"""How many messages of each queue are looked at."""

_SHORT = 200


class Explanation(Struct, frozen=True):
    """What is known of a task.

    `status` is one word: `waiting`, `delayed`, `parked`, `running`, `dead`, `finished`, `revoked`, `elsewhere` (only
    its last word is here), `unknown`. `sentence` says it to a person; `state` is Celery's word. `since`: when a worker
    claimed it, or it ended; `due`: until when it is held back; `ahead`: how many messages are served before it;
    `attempt` counts from 1. `unseen`: queues too long to be looked through, where it may still be.

    Of a task that waits, `served_by` are the workers that serve its queue. Of one that runs, `progress` is what it said
    last. Of one that has ended, `started` and `sent` say when, `seconds` how long it ran, `value` what it gave, in
    short, and `replayable` that it failed and is kept to be run again; what its result does not tell is None.
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
    served_by: tuple[str, ...] = ()
    progress: str = ""
    sent: datetime | None = None
    started: datetime | None = None
    seconds: float | None = None
    value: str = ""
    replayable: bool = False


def explain(store: c.Store, id: str, depth: int = DEPTH, app: str = "APP") -> Explanation:
    """Look for a task in queues, workers' hands, delayed messages, dead letters and results, in this order.

    The store is asked several times, and a task that moves meanwhile is looked for again; that it is `unknown`
    means that no place had it in two rounds: it never came, its result has expired or was not kept, or it is in
    one of the `unseen` queues. Of each queue the first `depth` messages are looked at. `app` is what -A names in
    commands that are proposed. Raises `OperationalError`.
    """
    return _look(store, id, depth, app) or _look(store, id, depth, app) or _unknown(store, id, depth)


def _look(store: c.Store, id: str, depth: int, app: str) -> Explanation | None:
    (data,) = store.run(c.ReadResults((id,)))
    found = document.Document() if data is None else store.format.read(data)
    held_back = find_delayed(store.run, id)
    if held_back is not None:
        return _delayed(id, held_back, found, _service(store, held_back.queue, app))
    located = store.run(c.Locate(id, depth))
    holding = next((each for each in located.held if wire.read_id(each.raw) == id), None)
    if holding is not None:
        return _running(id, holding, found, located)
    sighting = next((each for each in located.ready if wire.read_id(each.raw) == id), None)
    if sighting is not None:
        (stats,) = store.run(c.Stats((sighting.queue,)))
        return _waiting(id, sighting, stats, found, _service(store, sighting.queue, app))
    letter = store.run(c.ReadDead(id))
    if letter is not None:
        when = utc_datetime(letter.when)
        sentence = f"dead letter in queue {letter.queue} since {_text(when)}: {letter.reason}"
        return Explanation(
            *(id, "dead", sentence, found.status, letter.task, letter.queue, letter.worker, when),
            attempt=len(letter.attempts),
            reason=letter.reason,
        )
    return _ended(store, id, found, located, app) if data is not None or located.revoked else None


class _Service(Struct, frozen=True):
    """Which workers serve a queue, and what to say where none does."""

    workers: tuple[str, ...]
    lack: str


def _service(store: c.Store, queue: str, app: str) -> _Service:
    served = look_who_serves(store)
    names = served.queues.get(queue, ())
    if names:
        return _Service(names, "")
    if celery_may_serve(store):
        return _Service((), ": no worker of Celeriac serves it; one of Celery may")
    start = f"celeriac -A {app} worker -Q {queue}"
    return _Service((), f": NO WORKER SERVES IT ({served.others}). Start one: {start}")


def _delayed(id: str, message: c.DelayedMessage, found: document.Document, service: _Service) -> Explanation:
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
    sentence = f"delayed: {what} goes into queue {message.queue} at {_text(due)}{service.lack}"
    return Explanation(
        *(id, "delayed", sentence, found.status, task, message.queue),
        due=due,
        attempt=attempt,
        served_by=service.workers,
    )


def _running(id: str, holding: c.HeldMessage, found: document.Document, located: c.Located) -> Explanation:
    since = utc_datetime(holding.since / 1000) if holding.since else None
    task, attempt, _ = _named(holding.raw)
    when = f" since {_text(since)}" if since else ""
    also = "; it is revoked" if located.revoked else ""
    reached = progress_text(found)
    at = f", {reached}" if reached else ""
    sentence = f"running on {holding.worker}{when} (attempt {attempt}){at}{also}"
    return Explanation(
        *(id, "running", sentence, found.status, task, holding.queue, holding.worker, since),
        attempt=attempt,
        progress=reached,
    )


def _waiting(
    id: str, sighting: c.QueuedMatch, stats: c.QueueStats, found: document.Document, service: _Service
) -> Explanation:
    task, attempt, _ = _named(sighting.raw)
    where = f"in the paused queue {sighting.queue}" if stats.paused else f"in queue {sighting.queue}"
    ahead = f"{sighting.ahead} message is" if sighting.ahead == 1 else f"{sighting.ahead} messages are"
    sentence = f"waiting {where}, {ahead} served before it{service.lack}"
    return Explanation(
        *(id, "waiting", sentence, found.status, task, sighting.queue),
        attempt=attempt,
        ahead=sighting.ahead,
        served_by=service.workers,
    )


def _ended(store: c.Store, id: str, found: document.Document, located: c.Located, app: str) -> Explanation:
    """No message of it is anywhere."""
    done = document.instant(found.date_done)
    when = f" at {_text(done)}" if done else ""
    worker = found.worker or ""
    if found.status == states.REVOKED or (found.status == states.PENDING and located.revoked):
        reason = str(found.result or "revoked")
        return Explanation(id, "revoked", f"revoked{when}", states.REVOKED, found.name or "", since=done, reason=reason)
    reason = values.short_repr(found.result, _SHORT)
    if found.status in states.READY_STATES:
        return _finished(store, id, found, done, reason, app)
    sentence = f"its last word was {found.status}: {reason}; no message of it is here: a worker of Celery may have it"
    return Explanation(id, "elsewhere", sentence, found.status, found.name or "", worker=worker, reason=reason)


def _finished(
    store: c.Store, id: str, found: document.Document, done: datetime | None, shown: str, app: str
) -> Explanation:
    """The life of a task that has ended, as far as its result tells it, and what is kept if it failed."""
    kept = None if found.status == states.SUCCESS else store.run(c.ReadDead(id, failed=True))
    task = found.name or (kept.task if kept else "")
    queue, worker = found.queue or (kept.queue if kept else ""), found.worker or (kept.worker if kept else "")
    sent, started = (None if at is None else utc_datetime(at) for at in (found.sent, found.started))
    seconds = None if done is None or started is None else max(0.0, (done - started).total_seconds())
    places = [f"on {worker}" if worker else "", f"from queue {queue}" if queue else ""]
    if found.retries:
        places.append(f"after {found.retries} {'retry' if found.retries == 1 else 'retries'}")
    times = [f"sent {_text(sent)}" if sent else ""]
    if started:
        waited = f" {length_text((started - sent).total_seconds())} later" if sent else f" {_text(started)}"
        times.append(f"started{waited}")
    times.append(f"ran for {length_text(seconds)}" if seconds is not None else "")
    when = f" at {_text(done)}" if done else ""
    life = [f"finished{when}: {found.status}: {shown}", " ".join(filter(None, [task, *places]))]
    life += [
        ", ".join(filter(None, times)),
        f"it can be run again: celeriac -A {app} failed replay {id}" if kept else "",
    ]
    return Explanation(
        *(id, "finished", "; ".join(filter(None, life)), found.status, task, queue, worker, done),
        attempt=(found.retries or 0) + 1 if found.name else 0,
        reason="" if found.status == states.SUCCESS else shown,
        value=shown if found.status == states.SUCCESS else "",
        sent=sent,
        started=started,
        seconds=seconds,
        replayable=kept is not None,
    )


def length_text(seconds: float) -> str:
    """A length of time, to three digits or the second."""
    if seconds < 0.9995:
        return f"{max(0.0, seconds) * 1000:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 100 else f"{seconds:.0f} s"


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
