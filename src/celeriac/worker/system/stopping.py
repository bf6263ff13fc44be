"""How a worker is told to end, and how much of it each signal means. Pure.

The first SIGTERM or SIGINT is a *warm* stop: nothing new, what runs finishes. The second, or SIGQUIT at any
time, is a *cold* stop: what runs is given back and cut off. One more ends all at once.

One intention may arrive as several signals: a Ctrl-C in a terminal reaches the whole group, and whoever
started the worker may pass it on as well. So what comes within `ECHO_SECONDS` after a signal that counted is
its echo and means nothing more; only a first SIGQUIT counts whenever it comes.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

ECHO_SECONDS = 0.3

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
HEARD_SIGNALS = (signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU, *STOP_SIGNALS)
"""All that mean something to a worker, and would end or stop it if it were not there yet to hear them."""


class Stage(IntEnum):
    """How far the end of a worker has gone."""

    RUNNING = 0
    WARM = 1
    """Nothing new is claimed, what has not begun goes back, what runs finishes."""
    COLD = 2
    """What runs is given back, uncharged, and its children are killed."""
    AT_ONCE = 3
    """All processes are killed; others take over what was held, as after a crash."""


@dataclass(slots=True)
class Escalation:
    """Turns signals into stages; `quits` are those that mean a cold stop at once."""

    quits: frozenset[int] = frozenset({signal.SIGQUIT})
    stage: Stage = Stage.RUNNING
    _counted: float = float("-inf")

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Escalation:
        """With Celery's own way to make SIGTERM a cold stop, REMAP_SIGTERM=SIGQUIT."""
        remapped = {signal.SIGTERM} if environment.get("REMAP_SIGTERM") == "SIGQUIT" else set()
        return cls(frozenset({signal.SIGQUIT, *remapped}))

    def told(self, number: int, now: float) -> Stage:
        """Take note of a signal at an instant of the monotonic clock; the stage from now on."""
        quits = number in self.quits and self.stage < Stage.COLD
        if quits:
            self.stage = Stage.COLD
        elif now - self._counted < ECHO_SECONDS:
            return self.stage
        else:
            self.stage = Stage(min(self.stage + 1, Stage.AT_ONCE))
        self._counted = now
        return self.stage


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what runs may go on, in seconds: `grace` after a warm stop (None: for ever), `soft` before a
    cold one."""

    grace: float | None = None
    soft: float = 0.0

    @classmethod
    def of(cls, settings: Mapping[str, Any], environment: Mapping[str, str]) -> Patience:
        """As the app sets it; who deploys it knows better (CELERIAC_GRACE). Raises `ValueError`."""
        written = environment.get("CELERIAC_GRACE", "")
        grace = float(written) if written else settings.get("worker_grace")
        if grace is not None and not 0 <= grace < float("inf"):
            raise ValueError(f"the grace is a number of seconds, not {written or grace}")
        return cls(grace, float(settings.get("worker_soft_shutdown_timeout") or 0.0))
