"""How many children a pool should have, by its load. Pure."""

from __future__ import annotations

from celeriac.worker.options import Scale

LOOK_SECONDS = 0.5


class Scaler:
    """Doubles a pool while all its children are busy, and takes away what was not needed for a while.

    What waits in the queues need not be counted for that: children that are all busy whenever one looks are too few.
    """

    def __init__(self, scale: Scale, now: float) -> None:
        self._scale = scale
        self._since = now
        self._peak = 0

    def size(self, size: int, busy: int, now: float) -> int:
        """The size to go on with, for a pool of this size of which so many are busy at this instant."""
        minimum, maximum = self._scale.minimum, self._scale.maximum
        self._peak = max(self._peak, busy)
        if busy < size and now - self._since < self._scale.keep_seconds:
            return min(max(size, minimum), maximum)
        wanted = 2 * size if busy >= size else self._peak
        self._since, self._peak = now, busy
        return min(max(wanted, minimum), maximum)
