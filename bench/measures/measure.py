"""What a measure is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.contestants import Contestant
from bench.ground import Ground
from bench.table import Figures, Metric


@dataclass(frozen=True)
class Measure:
    """One question to all systems.

    `sizes` says who takes part, and with how many tasks: so many that a run lasts two seconds or more.
    `run` is given the ground, the contestant and its number of tasks, and runs it once.
    """

    name: str
    title: str
    metrics: tuple[Metric, ...]
    sizes: Mapping[Contestant, int]
    run: Callable[[Ground, Contestant, int], Figures]
    notes: tuple[str, ...] = ()
    """Lines that say what the figures mean."""
