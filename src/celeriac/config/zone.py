"""The zone of times that name none."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Any, Protocol


class Named(Protocol):
    """Settings, or anything else that gives values by name."""

    def __getitem__(self, name: str, /) -> Any: ...


def zone_of(settings: Named) -> tzinfo | None:
    """The zone that settings name, UTC if they name none; None is the zone of this machine."""
    name = settings["timezone"]
    if name is None:
        return UTC if settings["enable_utc"] else None
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)
