"""What is known of a task while it runs, and how its time is reckoned."""

from __future__ import annotations

import math
import time

from celeriac.worker.child.limits import Limits

monotonic = time.monotonic

NEVER = math.inf


class Running:
    """One run of one task: until when, on the monotonic clock, and with what error it is being ended.

    A new one for each run: whoever holds an old one cannot hit the task that came after. `sentence` is what
    the run ends as, whatever the task makes of the error that is raised in it.
    """

    __slots__ = ("hard", "inside", "limit", "sentence", "soft")

    def __init__(self, limits: Limits | None) -> None:
        self.soft = self.hard = NEVER
        self.limit = 0.0
        self.inside = False
        self.sentence: BaseException | None = None
        if limits is not None:
            now = monotonic()
            self.limit = limits.hard
            self.soft = now + limits.soft if limits.soft else NEVER
            self.hard = now + limits.hard if limits.hard else NEVER

    @property
    def next(self) -> float:
        """The next instant at which something is to happen to it."""
        return min(self.soft, self.hard)
