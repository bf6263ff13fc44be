"""Numbers as a person says them: `1 task`, `2 tasks`, `0.41 s`, `3 min 20 s`."""

from __future__ import annotations


def some(count: int, one: str, many: str = "") -> str:
    """So many of something; its plural is with an s where `many` does not say it."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def span(seconds: float) -> str:
    """A time that has passed."""
    if seconds < 10:
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"
