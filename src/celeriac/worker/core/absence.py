"""What is said of a store that is away: why, that it still is, and that it is back; nothing at each attempt."""

from __future__ import annotations

import logging

from celeriac.exceptions import OperationalError
from celeriac.worker.log.words import span

logger = logging.getLogger("celeriac.worker")

_FIRST_SECONDS, _EVERY_SECONDS = 5.0, 10.0
_MOST_REASONS = 3


class Absence:
    """One absence after the other of the store at this address; true while there is one.

    The reason is said at once, another one when it changes, three at most; that it is still away after five seconds
    and every ten from then on.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._since = 0.0
        self._due = 0.0
        self._reasons: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._reasons)

    def note(self, error: OperationalError, now: float, *, before: bool) -> None:
        """An attempt failed, at an instant of the monotonic clock; `before`: the store had been there."""
        reason = str(error)
        if not self._reasons:
            self._since, self._due = now, now + _FIRST_SECONDS
            what = "lost the store" if before else "the store is not there yet"
            logger.warning("%s, %s: %s; trying again until it is there", what, self._address, error)
            self._reasons.append(reason)
        elif reason not in self._reasons and len(self._reasons) < _MOST_REASONS:
            logger.warning("the store is still away: %s", error.args[0] if error.args else error)
            self._reasons.append(reason)
        elif now >= self._due:
            logger.warning("the store is still away (%s)", span(now - self._since))
            self._due = now + _EVERY_SECONDS

    def end(self, now: float) -> None:
        """The store answers."""
        if self._reasons:
            logger.warning("the store is back after %s", span(now - self._since))
            self._reasons.clear()
