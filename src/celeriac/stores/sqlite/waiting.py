"""Waiting for results: read, and read again whenever some were written."""

from __future__ import annotations

from collections.abc import Callable

from celeriac.clock import Clock
from celeriac.stores.contract import is_final
from celeriac.stores.sqlite.wake import Bells

SLICE = 256
LOOK_SECONDS = 0.25
"""How often to look without having heard a bell: the process that should have rung it may have been killed."""

Read = Callable[[tuple[str, ...]], tuple[bytes | None, ...]]


def wait_for_results(
    tasks: tuple[str, ...], timeout: float | None, minimum: int | None, read: Read, bells: Bells, clock: Clock
) -> tuple[bytes | None, ...]:
    """The final documents of tasks; None for those that are not final when `timeout` seconds are over.

    It returns before where `least` of them are.
    """
    ends = None if timeout is None else clock.monotonic() + timeout
    final: dict[str, bytes] = {}
    missing = list(dict.fromkeys(tasks))
    enough = 0 if minimum is None else len(missing) - minimum
    if len(missing := _collect(missing, final, read, every=enough > 0)) > enough:
        with bells.lend() as bell:
            while len(missing := _collect(missing, final, read, every=enough > 0)) > enough:
                left = LOOK_SECONDS if ends is None else min(LOOK_SECONDS, ends - clock.monotonic())
                if left <= 0:
                    break
                bell.wait(left)
    return tuple(final.get(task) for task in tasks)


def _collect(missing: list[str], final: dict[str, bytes], read: Read, *, every: bool) -> list[str]:
    """Add to `final` what has become so; those that are still missing, the slice of the first one looked through.

    Unless `every` slice is of use, one that is not complete ends the look: a group of thousands would be read
    again at every bell.
    """
    still: list[str] = []
    for start in range(0, len(missing), SLICE):
        part = missing[start : start + SLICE]
        final.update((task, doc) for task, doc in zip(part, read(tuple(part)), strict=True) if doc and is_final(doc))
        still += [task for task in part if task not in final]
        if still and not every:
            return still + missing[start + SLICE :]
    return still
