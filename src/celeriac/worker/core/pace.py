"""How much to hand to whom: estimates of run times, and what follows from them. Pure.

Small tasks travel in frames of up to `FRAME_TASKS`, because waking a child costs as much as running fifty
of them; a long one travels alone. The estimate of a name is a moving average; a name never seen counts as
a full frame, so that the first of its kind is handed out alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

FRAME_SECONDS = 0.005
"""Work in one frame."""
BACKLOG_SECONDS = 2 * FRAME_SECONDS
"""Work a child should have before it, so that it need not wait for the core."""
FRAME_TASKS = 64
MARKED_TASKS = 32
"""The same of tasks that the store has marked before they begin; two such frames may be ahead of a child."""
STUCK_SECONDS = 0.020
"""A task that runs longer gives up what waits behind it."""
_MOST_CLAIMS = 320
_WEIGHT = 0.2


@dataclass(slots=True)
class Pace:
    """Moving averages of run times in seconds, by task name and over all."""

    names: dict[str, float] = field(default_factory=dict)
    overall: float = FRAME_SECONDS
    asynchronous: float = 0.0
    """The share of `async def` tasks in what was claimed lately."""

    def observe(self, name: str, seconds: float) -> None:
        """A task took this long."""
        known = self.names.get(name)
        # A single outlier (a page fault, a stolen core) must not make a fast task look slow for long.
        seen = min(seconds, 1.0)
        self.names[name] = seen if known is None else known + _WEIGHT * (seen - known)
        self.overall += 0.05 * (seen - self.overall)

    def estimate(self, name: str) -> float:
        """How long a task of this name will take."""
        return self.names.get(name, FRAME_SECONDS)

    def observe_kind(self, asynchronous: bool) -> None:
        """A message of this kind was claimed."""
        self.asynchronous += 0.05 * (asynchronous - self.asynchronous)

    def wanted(self, loads: Iterable[tuple[int, float]], waiting: int) -> int:
        """How many more tasks to claim for children with these (tasks, seconds of work) before them.

        An idle child wants at least one; a busy one as much as fills its backlog twice (once in the child,
        once on the way). `waiting` tasks are claimed already.
        """
        total = 0
        for tasks, seconds in loads:
            room = int(max(0.0, 2 * BACKLOG_SECONDS - seconds) / max(self.overall, 1e-6))
            room = min(room, 6 * FRAME_TASKS - tasks)
            total += max(room, 0 if tasks else 1)
        return max(0, min(total - waiting, _MOST_CLAIMS))

    def split_wanted(self, sync: int, asynchronous: int) -> int:
        """How many messages to claim when this many of each kind have room, judging by the mix seen lately."""
        share = self.asynchronous
        if sync <= 0 and asynchronous <= 0:
            return 0
        for_sync = sync / (1 - share) if share < 0.99 else _MOST_CLAIMS
        for_async = asynchronous / share if share > 0.01 else _MOST_CLAIMS
        return int(max(0, min(for_sync, for_async, _MOST_CLAIMS)))
