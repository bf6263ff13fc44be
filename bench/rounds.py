"""Who runs when: every system once a round, beginning with another one each time."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TypeVar

from bench.contestants import Contestant
from bench.failure import RunFailed
from bench.ground import Ground
from bench.measures.measure import Measure
from bench.table import Figures, Rounds

T = TypeVar("T")

_FEWEST = 500


def rotated(items: Sequence[T], by: int) -> list[T]:
    """The same items, beginning with another one each round."""
    start = by % len(items) if items else 0
    return [*items[start:], *items[:start]]


def sized(count: int, share: float) -> int:
    """This share of the tasks, but several hundred where there are so many: fewer would say nothing."""
    return max(min(count, _FEWEST), int(count * share))


def run_rounds(ground: Ground, measure: Measure, names: Sequence[str], rounds: int, share: float) -> Rounds:
    """All rounds of one measure, with this share of its tasks; a run that fails is reported and leaves None.

    `names` are the systems that take part, where the measure has them.
    """
    present = [contestant for contestant in measure.sizes if contestant.name in names]
    found: dict[str, list[Figures | None]] = {contestant.name: [] for contestant in present}
    for number in range(rounds):
        for contestant in rotated(present, number):
            count = sized(measure.sizes[contestant], share)
            _tell(f"  {measure.name}, round {number + 1} of {rounds}: {contestant.name}")
            found[contestant.name].append(_run_once(ground, measure, contestant, count))
    return found


def _run_once(ground: Ground, measure: Measure, contestant: Contestant, count: int) -> Figures | None:
    try:
        return measure.run(ground, contestant, count)
    except RunFailed as failure:
        _tell(f"FAILED: {measure.name}, {contestant.name}: {failure}")
        return None


def _tell(line: str) -> None:
    """What goes on, beside the tables."""
    print(line, file=sys.stderr, flush=True)
