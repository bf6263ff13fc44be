"""When to look again at a message that nobody here can run. Pure."""

from __future__ import annotations

_PAUSES = (1.0, 10.0)
_SHARE = 8


def next_look(since: float, now: float, seconds: float) -> float | None:
    """The pause in seconds before a message parked since then is looked at again; None when `seconds` are over.

    It is looked at again after an eighth of the time it has been parked, at first in a second and at least every
    ten: some fifty times in five minutes. Each look is a draw among the workers that are free, and where most
    of them are old a pause that doubles would give the few new ones too few chances.
    """
    waited = max(0.0, now - since)
    if waited >= seconds:
        return None
    return min(max(waited / _SHARE, _PAUSES[0]), _PAUSES[1], seconds - waited + 0.001)
