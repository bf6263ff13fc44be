"""Waiting for results: read, and read again whenever some were written."""

from __future__ import annotations

from collections.abc import Callable

from celeriac.clock import Clock
from celeriac.store.contract import is_final
from celeriac.stores.sqlite.wake import Bells

_SLICE = 256
_LOOK_SECONDS = 0.25
"""How often to look without having heard a bell: the process that should have rung it may have been killed."""

Read = Callable[[tuple[str, ...]], tuple[bytes | None, ...]]


def wait_for_results(
    tasks: tuple[str, ...], timeout: float | None, read: Read, bells: Bells, clock: Clock
) -> tuple[bytes | None, ...]:
    """The final documents of tasks; None for those that are not final when `timeout` seconds are over."""
    ends = None if timeout is None else clock.monotonic() + timeout
    final: dict[str, bytes] = {}
    missing = _collect(list(dict.fromkeys(tasks)), final, read)
    if missing:
        with bells.lend() as bell:
            while missing := _collect(missing, final, read):
                left = _LOOK_SECONDS if ends is None else min(_LOOK_SECONDS, ends - clock.monotonic())
                if left <= 0:
                    break
                bell.wait(left)
    return tuple(final.get(task) for task in tasks)


def _collect(missing: list[str], final: dict[str, bytes], read: Read) -> list[str]:
    """Add to `final` what has become so; those that are still missing, the slice of the first one looked through.

    A slice that is not complete ends the look: the rest is of no use before it is, and a group of thousands
    would be read again at every bell.
    """
    for start in range(0, len(missing), _SLICE):
        part = missing[start : start + _SLICE]
        final.update((task, doc) for task, doc in zip(part, read(tuple(part)), strict=True) if doc and is_final(doc))
        rest = [task for task in part if task not in final]
        if rest:
            return rest + missing[start + _SLICE :]
    return []
