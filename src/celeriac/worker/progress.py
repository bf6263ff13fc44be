"""Whether a worker that could work does: promise G12, as a pure watch over its claims.

A session can look well and bring nothing: a wait that nobody ends, a connection to the wrong server after a
failover. The beats do not show it, since they are answered; what shows it is work that waits while children
are free.
"""

from __future__ import annotations

from dataclasses import dataclass

LOOKS = 3
"""Of so many looks in a row each has to see the same."""


@dataclass(slots=True)
class Progress:
    """Looks `LOOKS` times within `seconds`; says so when no claim came while all of them saw messages wait."""

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
