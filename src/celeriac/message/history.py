"""The runs of a task that ended badly and were not its last: carried in its message until it ends for good. Pure.

Each is `[seconds since 1970, worker, error, traceback]`. The last few are kept, each with the end of its
traceback, so that a message that retries for days does not grow.
"""

from __future__ import annotations

from typing import Any

from celeriac.exceptions import MalformedMessage
from celeriac.message import task as wire

MOST = 5
LENGTH = 2000


_MARK = wire.ATTEMPTS.encode()


def recall(raw: bytes) -> list[tuple[float, str, str, str]]:
    """The earlier runs that a message tells of; what does not look like one is left out."""
    if _MARK not in raw:
        return []
    try:
        entries = wire.open_envelope(raw)["headers"].get(wire.ATTEMPTS)
    except MalformedMessage:
        return []
    return [_read(entry) for entry in entries if _is_entry(entry)] if isinstance(entries, list) else []


def extend(raw: bytes, when: float, worker: str, error: str, traceback: str = "") -> dict[str, Any]:
    """The header of the next message: what this one tells, and one run more."""
    entries = [*recall(raw), (when, worker, error[:LENGTH], traceback[-LENGTH:])]
    return {wire.ATTEMPTS: entries[-MOST:]}


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, list) and len(entry) == 4 and isinstance(entry[0], int | float)


def _read(entry: list[Any]) -> tuple[float, str, str, str]:
    when, worker, error, traceback = entry
    return float(when), str(worker), str(error), str(traceback)
