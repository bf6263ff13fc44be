"""What is known of a task while it runs, and how its time is reckoned."""

from __future__ import annotations

import math
import time
from itertools import count

from celeriac.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded
from celeriac.worker.child.limits import Limits

monotonic = time.monotonic

NEVER = math.inf


class Running:
    """One run of one task: until when, on the monotonic clock, and with what error it is being ended.

    A new one for each run: whoever holds an old one cannot hit the task that came after. `sentence` is what
    the run ends as, whatever the task makes of the error that is raised in it.
    """

    __slots__ = ("_ended", "_told", "hard", "inside", "limit", "rings", "sentence", "soft")

    def __init__(self, limits: Limits | None) -> None:
        self.soft = self.hard = NEVER
        self.limit = 0.0
        self.inside = False
        self.sentence: BaseException | None = None
        self.rings = 0
        """How often the watchdog has rung for it."""
        self._told, self._ended = count(), count()
        if limits is not None:
            now = monotonic()
            self.limit = limits.hard
            self.soft = now + limits.soft if limits.soft else NEVER
            self.hard = now + limits.hard if limits.hard else NEVER

    def take_due(self) -> BaseException | None:
        """The error of a limit that has passed, given to the first who asks; from any thread."""
        now = monotonic()
        if self.hard <= now:
            self.hard = self.soft = NEVER
            self.sentence = self.sentence or TimeLimitExceeded(self.limit)
            return self.sentence if next(self._ended) == 0 else None
        if self.soft <= now:
            self.soft = NEVER
            return SoftTimeLimitExceeded() if next(self._told) == 0 else None
        return None

    @property
    def next(self) -> float:
        """The next instant at which something is to happen to it."""
        return min(self.soft, self.hard)
