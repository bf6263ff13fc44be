"""Whether a worker that could work does: promise G12, as a watch over its claims.

A session can look well and bring nothing: a wait that nobody ends, a connection to the wrong server after a
failover. The heartbeats do not show it, since they are answered; what shows it is work that waits while children
are free.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from celeriac.stores import contract as c
from celeriac.worker.core.dispatcher import Dispatcher
from celeriac.worker.core.port import monotonic

LOOKS = 3
"""Of so many looks in a row each has to see the same."""


@dataclass(slots=True)
class Progress:
    """The judgement, pure: `LOOKS` looks within `seconds` saw messages wait, and no claim came."""

    seconds: float
    _claimed: int = -1
    _since: float | None = None
    _looks: int = 0

    @property
    def pause(self) -> float:
        """The time between two looks: a stall that begins right after one is noticed within `seconds`."""
        return self.seconds / (LOOKS + 0.5)

    def resumed(self, claimed: int) -> bool:
        """Whether anything was claimed since the last look; `claimed` counts all claims."""
        before, self._claimed = self._claimed, claimed
        return before != claimed

    def look(self, now: float, waiting: int) -> float | None:
        """Take note of how many messages wait unclaimed; since when they do, once that is too long."""
        if not waiting:
            self._since, self._looks = None, 0
            return None
        self._looks += 1
        if self._since is None:
            self._since = now
        return self._since if self._looks >= LOOKS else None


class Stalled(Exception):
    """A session brings nothing although messages wait."""


class StallWatch:
    """Asks the store what waits while nothing comes, and says so when that lasts."""

    def __init__(self, dispatchers: list[Dispatcher], seconds: float) -> None:
        self.claimed = 0
        self.in_a_row = 0
        """Stalls since the last claim."""
        self._dispatchers = dispatchers
        self._seconds = seconds or float("inf")
        self._last = (0.0, 0)
        """When a claim was answered last, and with how many messages."""

    def note_claim(self, count: int) -> None:
        """What the last claim brought, for the day when nothing comes any more."""
        self._last = (monotonic(), count)
        if count:
            self.claimed += count
            self.in_a_row = 0

    async def watch(self, session: c.Session) -> None:
        """Raise `Stalled` when nothing came for `seconds` although messages waited and children were free."""
        progress = Progress(self._seconds)
        progress.resumed(self.claimed)
        while True:
            await asyncio.sleep(min(progress.pause, 86400))
            waiting = 0
            wanting = tuple([queue for each in self._dispatchers if each.wanted() for queue in each.pool.queues])
            if not progress.resumed(self.claimed) and wanting:
                waiting = sum([row.ready for row in await session.call(c.Stats(wanting)) if not row.paused])
            now = monotonic()
            since = progress.look(now, waiting)
            if since is not None:
                self.in_a_row += 1
                raise Stalled(self._describe(waiting, now - since))

    def _describe(self, waiting: int, seconds: float) -> str:
        when, count = self._last
        wanted = sum([dispatcher.wanted() for dispatcher in self._dispatchers])
        last = (
            f"the last claim was answered {monotonic() - when:.1f} s ago with {count} messages" if when else "none was"
        )
        return (
            f"{waiting} messages have been waiting for {seconds:.1f} s and more, {wanted} more could "
            f"be taken, and nothing came; {last}; building the session from nothing (stall {self.in_a_row} in a row)"
        )
