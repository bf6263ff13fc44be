"""What becomes of a message that was claimed: to run, to wait for its time, or to be set aside. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from celeriac.exceptions import MalformedMessage, NotRegistered
from celeriac.message import task as wire
from celeriac.sender import read_time
from celeriac.store import contract as c
from celeriac.worker import reaping
from celeriac.worker.executor import refusal
from celeriac.worker.frame import TaskSpec
from celeriac.worker.ledger import Held

_ADVANCE_LATER_MS = 5000


def sort(claim: c.Claim, tasks: Mapping[str, TaskSpec], now: float) -> Held | c.Deferral | c.Outcome:
    """The claim as something to run, something to defer, or the end it comes to at once.

    `now` is the wall clock: it decides only whether an ETA that a Celery producer wrote lies in the future.
    """
    if claim.queue == c.ADVANCE_QUEUE:
        # Chords are completed by workers of a later version; this one leaves them to those.
        return c.Deferral(claim.id, claim.id, int(now * 1000) + _ADVANCE_LATER_MS)
    if claim.started:
        return reaping.failed(claim, now)
    try:
        return _admit(claim, tasks, now)
    except (MalformedMessage, NotRegistered) as error:
        return refusal(claim.raw, claim.queue, error, now, claim.id)


def _admit(claim: c.Claim, tasks: Mapping[str, TaskSpec], now: float) -> Held | c.Deferral:
    headers = wire.read_headers(claim.raw)
    spec = tasks.get(headers.task)
    if spec is None:
        raise NotRegistered(headers.task)
    if headers.eta and not headers.held:
        due = _milliseconds(headers.eta)
        if due > now * 1000:
            return c.Deferral(claim.id, headers.id, due, wire.rewrite(claim.raw, **{wire.HELD: True}))
    return Held(
        claim.id,
        claim.queue,
        claim.priority,
        claim.raw,
        headers.id,
        headers.task,
        headers.crashes,
        spec.asynchronous,
        spec.once or spec.tracked,
        spec.once,
        spec.tracked and not headers.ignore_result,
    )


def _milliseconds(eta: str) -> int:
    """An ETA in milliseconds since 1970."""
    try:
        return int(read_time(eta).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise MalformedMessage(f"the eta {eta!r} is no time: {error}") from error
