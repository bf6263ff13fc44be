"""Where time comes from: one object, handed to whoever needs to know what time it is.

Nothing outside this file reads a clock of the process, so a test can replace time without patching.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two clocks: the wall for what people read, the monotonic one for how long something took."""

    def now(self) -> float:
        """Seconds since 1970 in UTC. May jump; decides nothing about ownership."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start. Never goes back."""


class SystemClock:
    """The clocks of this machine."""

    now: staticmethod[[], float] = staticmethod(time.time)
    monotonic: staticmethod[[], float] = staticmethod(time.monotonic)


SYSTEM_CLOCK: Clock = SystemClock()


def utc_datetime(seconds: float) -> datetime:
    """The aware UTC datetime of a wall clock reading."""
    return datetime.fromtimestamp(seconds, UTC)
