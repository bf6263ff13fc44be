"""How long an answer is waited for, and what it means when none comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from celeriac.exceptions import EnqueueUncertain, OperationalError
from celeriac.store import contract as c
from celeriac.stores.redis.refusals import size_note

DEADLINE_SECONDS = 2.0
RECHECK_SECONDS = 5.0
"""Who waits for results looks again so often, whatever was published."""


FIRST_LOOK_SECONDS = 0.5
"""Who asks for what is there now, or within less than this, waits so long for the answer."""
POLL_SECONDS = 0.5
"""Who may not be told of results looks so often, at first sooner."""


def pauses() -> Iterator[float]:
    """How long to wait between looks for what nobody tells of, without end."""
    pause = 0.01
    while True:
        yield pause
        pause = min(pause * 1.5, POLL_SECONDS)


def given_up(
    request: c.Request[Any], sent: bool, cause: Exception, place: str, command: list[bytes]
) -> OperationalError:
    """The error of a request that was given up; `sent` when it may have arrived."""
    if sent and isinstance(request, c.Enqueue | c.Share):
        ids = tuple(message.id for message in request.messages)
        return EnqueueUncertain(f"Redis at {place} did not answer: {_why(cause)}{size_note(command)}", ids)
    return away(place, cause, size_note(command) if sent else "")


def away(place: str, cause: Exception, note: str = "") -> OperationalError:
    """The error of whoever cannot reach the server there."""
    return OperationalError(f"cannot reach Redis at {place}: {_why(cause)}{note}")


def _why(cause: Exception) -> Any:
    text = cause.args[0] if isinstance(cause, OperationalError) and cause.args else cause
    return getattr(cause, "reason", text)
