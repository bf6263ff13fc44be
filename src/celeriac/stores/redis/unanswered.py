"""How long an answer is waited for, and what it means when none comes."""

from __future__ import annotations

from typing import Any

from celeriac.exceptions import EnqueueUncertain, OperationalError
from celeriac.store import contract as c

DEADLINE_SECONDS = 2.0
RECHECK_SECONDS = 5.0
"""Who waits for results looks again so often, whatever was published."""


def given_up(request: c.Request[Any], sent: bool, cause: Exception) -> OperationalError:
    """The error of a request that was given up; `sent` when it may have arrived."""
    why = cause.args[0] if isinstance(cause, OperationalError) else cause
    if sent and isinstance(request, c.Enqueue | c.Share):
        ids = tuple(message.id for message in request.messages)
        return EnqueueUncertain(f"Redis did not answer: {why}", ids)
    return OperationalError(f"cannot reach Redis: {why}")
