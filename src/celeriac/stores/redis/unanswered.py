"""How long an answer is waited for, and what it means when none comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from celeriac.exceptions import EnqueueUncertain, OperationalError
from celeriac.stores import contract as c
from celeriac.stores.redis import verbs
from celeriac.stores.redis.link import check
from celeriac.stores.redis.refusals import HalfDone, size_note

R = TypeVar("R")

DEADLINE_SECONDS = 2.0
RECHECK_SECONDS = 5.0
"""Who waits for results looks again so often, whatever was published."""


FIRST_LOOK_SECONDS = 0.5
"""Who asks for what is there now, or within less than this, waits so long for the answer."""
_PAUSES = (0.05, 0.5)
"""Seconds between two tries to reach the server for results: they double."""
_TRIES_UNSAID = 5
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


def answer(request: c.Request[R], reply: Any) -> R:
    """What a reply says; for who enqueues, what is done in part and could not be taken back is uncertain."""
    try:
        return verbs.decode(request, check(reply))
    except HalfDone as error:
        if isinstance(request, c.Enqueue | c.Share):
            raise EnqueueUncertain(error.args[0], tuple(message.id for message in request.messages)) from None
        raise


def away(place: str, cause: Exception, note: str = "") -> OperationalError:
    """The error of whoever cannot reach the server there."""
    return OperationalError(f"cannot reach Redis at {place}: {_why(cause)}{note}")


class Outage:
    """How somebody who waits for results goes on while the server is away; `said` to the log, once an outage."""

    def __init__(self, place: str, *, said: bool) -> None:
        self._place = place
        self._said = said
        self._tries = 0

    def pause(self, cause: Exception) -> float:
        """Another try has failed: how long to wait for the next."""
        self._tries += 1
        if self._said and self._tries == _TRIES_UNSAID:
            import logging

            logging.getLogger("celeriac").warning(
                "a result is waited for, and Redis at %s is away: %s", self._place, _why(cause)
            )
        return min(_PAUSES[0] * 2.0 ** min(self._tries - 1, 9), _PAUSES[1])

    def over(self) -> None:
        """It has answered."""
        self._tries = 0


def _why(cause: Exception) -> Any:
    text = cause.args[0] if isinstance(cause, OperationalError) and cause.args else cause
    return getattr(cause, "reason", text)
