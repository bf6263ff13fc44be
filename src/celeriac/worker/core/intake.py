"""What becomes of a message that was claimed: to run, to wait for its time, or to be set aside. Pure.

Nothing raises out of here, whatever the message is: the loop that asks has a lease to keep.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, tzinfo

from msgspec import Struct

from celeriac.calls.sender import read_time
from celeriac.config.zone import zone_of
from celeriac.exceptions import MalformedMessage, NotRegistered
from celeriac.message import task as wire
from celeriac.message import values
from celeriac.message.limits import USUAL, Limits, Named
from celeriac.stores import contract as c
from celeriac.worker.core import recovery
from celeriac.worker.core.claim_table import HeldClaim
from celeriac.worker.lane.frame import UNKNOWN_TASK, TaskSpec
from celeriac.worker.lane.outcome import refusal
from celeriac.worker.lane.parking import next_look

logger = logging.getLogger("celeriac.worker")

_ADVANCE_LATER_MS = 5000


class Rules(Struct, frozen=True):
    """The settings that decide; `unknown_seconds` is how long a task nobody knows is parked, `zone`
    that of times that name none."""

    limits: Limits = USUAL
    unknown_seconds: float = 300.0
    zone: tzinfo | None = UTC

    @classmethod
    def of(cls, settings: Named) -> Rules:
        """The rules that settings name."""
        return cls(Limits.of(settings), settings["task_unknown_timeout"], zone_of(settings))


USUAL_RULES = Rules()


def sort(
    claim: c.Claim, tasks: Mapping[str, TaskSpec], now: float, rules: Rules = USUAL_RULES, time_limit: float = 0.0
) -> HeldClaim | c.Deferral | c.Outcome:
    """The claim as something to run, something to defer, or the end it comes to at once.

    A message that had begun elsewhere and may not run again comes back with its failure. `time_limit` is that of
    tasks without one. `now` is the wall clock: it decides only whether an ETA that a Celery producer wrote lies in
    the future, and how long a task that is not known has been parked.
    """
    if claim.queue == c.ADVANCE_QUEUE:
        # Chords are completed by workers of a later version; this one leaves them to those.
        return c.Deferral(claim.id, claim.id, int(now * 1000) + _ADVANCE_LATER_MS)
    try:
        return _admit(claim, tasks, now, rules, time_limit)
    except (MalformedMessage, NotRegistered) as error:
        return refusal(claim.raw, claim.queue, error, now, claim.id)
    except Exception as error:
        logger.exception("a message of queue %s is like none that was thought of", claim.queue)
        return refusal(claim.raw, claim.queue, MalformedMessage(repr(error)), now, claim.id)


def _admit(
    claim: c.Claim, tasks: Mapping[str, TaskSpec], now: float, rules: Rules, time_limit: float
) -> HeldClaim | c.Deferral | c.Outcome:
    headers = wire.read_headers(claim.raw, rules.limits)
    if claim.started:
        held = hold(claim, headers, tasks, time_limit)
        held.failure = recovery.lost(held)
        return held
    if headers.task not in tasks:
        return _park(claim, headers, now, rules.unknown_seconds)
    if headers.eta and headers.held != headers.eta:
        due = _milliseconds(headers.eta, rules.zone)
        if due > now * 1000:
            return c.Deferral(claim.id, headers.id, due, wire.rewrite(claim.raw, **{wire.HELD: headers.eta}))
    return hold(claim, headers, tasks, time_limit)


def hold(
    claim: c.Claim, headers: wire.CoreHeaders, tasks: Mapping[str, TaskSpec], time_limit: float = 0.0
) -> HeldClaim:
    """The claim with what its headers and its task say; a task that is not known is like any other."""
    spec = tasks.get(headers.task, UNKNOWN_TASK)
    return HeldClaim(
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
        retries=headers.retries,
        time_limit=(headers.timelimit and headers.timelimit[0]) or spec.time_limit or time_limit,
        spec=spec,
    )


def _park(claim: c.Claim, headers: wire.CoreHeaders, now: float, seconds: float) -> c.Deferral | c.Outcome:
    """A task that is not known here waits for a worker that knows it, and fails when none came in time."""
    pause = next_look(headers.parked or now, now, seconds)
    if pause is None:
        # Who replays the dead letter starts anew.
        raw = wire.rewrite(claim.raw, **{wire.PARKED: 0}) if headers.parked else claim.raw
        return refusal(raw, claim.queue, NotRegistered(headers.task), now, claim.id)
    if not headers.parked:
        logger.warning(
            "Task %s[%s] is not known here: parked for a worker that knows it, for %g s",
            headers.task,
            headers.id,
            seconds,
        )
    raw = claim.raw if headers.parked else wire.rewrite(claim.raw, **{wire.PARKED: now})
    return c.Deferral(claim.id, headers.id, int((now + pause) * 1000), raw)


def _milliseconds(eta: str, zone: tzinfo | None) -> int:
    """An ETA in milliseconds since 1970."""
    try:
        return int(read_time(eta, zone).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise MalformedMessage(f"the eta {values.short_repr(eta, 100)} is no time") from error
