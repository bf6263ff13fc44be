"""What becomes of a message whose process died, that ran too long, or that was revoked. Pure.

The table of `docs/delivery.md`, in code: whoever loses a process asks here, and does what the answer says.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from celeriac import exceptions, states
from celeriac.message import document, failure, history, values
from celeriac.message import task as wire
from celeriac.stores import contract as c
from celeriac.stores.contract.dead_letters import sanitized
from celeriac.worker.core.claim_table import Failure, HeldClaim
from celeriac.worker.lane.frame import TaskSpec
from celeriac.worker.lane.outcome import named_error

LOST, TIME_LIMIT = c.Cause.LOST, c.Cause.TIME_LIMIT


class Redeliver(Struct, frozen=True):
    """It runs again: its message, changed to this, goes back to the front of its queue."""

    raw: bytes


class RetryLater(Struct, frozen=True):
    """It counts as a retry: this outcome has the next attempt."""

    outcome: c.Outcome


Recovery = Redeliver | RetryLater | Failure


def child_died(held: HeldClaim, cause: str, crashes: int, limit: int, now: float, worker: str = "") -> Recovery:
    """Its child died while it ran; `crashes` are its deaths, this one counted where it is to blame."""
    retries = held.spec.retry_lost >= 0 and 0 <= held.retries < _maximum(held.spec)
    ends = held.once or not held.spec.repeats or held.spec.retry_lost >= 0 or crashes >= limit
    if ends and not retries:
        reason = f"the child running {held.name}[{held.task_id}] died: {cause}; deaths: {crashes}"
        return Failure("WorkerLostError", reason)
    died = history.extend(held.raw, now, worker, f"its child died: {cause}")
    if retries:
        return RetryLater(_retried(held, cause, now, died))
    return Redeliver(wire.redelivered(held.raw, crashes=crashes, more=died))


def worker_died(held: HeldClaim, *, started: bool, losses: int, limit: int) -> Recovery:
    """The worker that held it died. Unless the store was told that it began, nobody knows whether it had.

    `losses` are the workers that died holding it, this one included.
    """
    if started:
        return lost(held)
    if losses >= limit:
        return Failure("WorkerLostError", f"{losses} workers died holding {held.name}[{held.task_id}]", cause=LOST)
    return Redeliver(wire.redelivered(held.raw, crashes=held.crashes, losses=losses))


def lost(held: HeldClaim) -> Failure:
    """It had begun on a worker that died, and may run only once."""
    return Failure("WorkerLostError", f"the worker running {held.name}[{held.task_id}] died", cause=LOST)


def disturbed(held: HeldClaim, why: str) -> Recovery:
    """It was running when its child was ended for no fault of its own."""
    if held.once:
        return Failure("WorkerLostError", f"{held.name}[{held.task_id}] had not ended: {why}")
    return Redeliver(wire.redelivered(held.raw, crashes=held.crashes))


def timed_out(held: HeldClaim) -> Failure:
    """It ran longer than its hard limit."""
    return Failure("TimeLimitExceeded", f"{held.time_limit:g}", held.spec.keeps_timeouts, cause=TIME_LIMIT)


def end(held: HeldClaim, failed: Failure, now: float, worker: str = "", failed_bytes: int = 0) -> c.Outcome:
    """The end of a message that failed, without any code of its task.

    One that leaves no dead letter is kept as a failed task, if its message is no longer than `failed_bytes`.
    """
    error = named_error(failed.error, failed.reason)
    kept = failed.dead or len(held.raw) <= failed_bytes
    dead = dead_letter(held, failed, now, worker) if kept else None
    return c.Outcome("", held.task_id, document.write_failure(held.task_id, error, now), dead=dead)


def dead_letter(held: HeldClaim, failed: Failure, now: float, worker: str = "") -> c.DeadLetter:
    """What a person finds of it."""
    letter = c.DeadLetter(
        held.task_id,
        held.queue,
        held.raw,
        reason := f"{failed.error}: {failed.reason}",
        held.priority,
        failed.cause,
        held.name,
        worker,
        failed.signal,
        failed.memory,
        failed.error,
        attempts=(*(c.Attempt(*run) for run in history.recall(held.raw)), c.Attempt(now, worker, reason)),
        failed=not failed.dead,
    )
    return sanitized(letter)


def revoked(task_id: str, reason: str, now: float) -> c.Outcome:
    """The end of a message that was revoked."""
    return c.Outcome("", task_id, document.write_revoked(task_id, reason, now))


def _maximum(spec: TaskSpec) -> float:
    return spec.max_retries if spec.max_retries >= 0 else float("inf")


def _retried(held: HeldClaim, cause: str, now: float, died: dict[str, Any]) -> c.Outcome:
    """The next attempt, which its child's death counts as one of."""
    attempt, delay = held.retries + 1, int(held.spec.retry_lost * 1000)
    raw = wire.rewrite(held.raw, retries=attempt, **died)
    again = c.Message(f"{held.task_id}:{attempt}", held.queue, raw, held.priority, delay)
    error = exceptions.WorkerLostError(f"the child running {held.name}[{held.task_id}] died: {cause}")
    result = document.write(held.task_id, states.RETRY, values.encode(failure.to_dict(error)), now)
    return c.Outcome("", held.task_id, result, successors=(again,))
