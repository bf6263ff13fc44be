"""Figures to sentences: medians, ratios within a round, budgets judged, and text. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

Figures = Mapping[str, float]
"""What one run of one system gave: metric to value."""

Rounds = Mapping[str, Sequence[Figures | None]]
"""System to its figures, one entry a round; None where the run failed."""

Verdict = Literal["met", "MISSED", "not measured"]


@dataclass(frozen=True)
class Metric:
    """One kind of figure. `digits` is how many are shown behind the point; `compared` asks for the ratio to Celery."""

    name: str
    title: str
    digits: int = 0
    compared: bool = False


@dataclass(frozen=True)
class Budget:
    """One bound on the median of a figure, or of its ratios to another system's figure of the same round."""

    what: str
    measure: str
    system: str
    metric: str
    sense: Literal["at least", "at most"]
    bound: float
    against: str | None = None
    unit: str = ""


@dataclass(frozen=True)
class Judged:
    """A budget with what was found; `value` is None when nothing was."""

    budget: Budget
    value: float | None
    low: float = 0.0
    high: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """Whether the median is within the bound; a bound that is just reached is met."""
        if self.value is None:
            return "not measured"
        budget = self.budget
        met = self.value >= budget.bound if budget.sense == "at least" else self.value <= budget.bound
        return "met" if met else "MISSED"


def values(rounds: Rounds, system: str, metric: str) -> list[float]:
    """A system's figures of all rounds in which it has one."""
    return [figures[metric] for figures in rounds.get(system, ()) if figures is not None and metric in figures]


def ratios(rounds: Rounds, system: str, against: str, metric: str) -> list[float]:
    """One system's figure over the other's, round by round; rounds that lack either are left out."""
    pairs = zip(rounds.get(system, ()), rounds.get(against, ()), strict=False)
    return [
        mine[metric] / theirs[metric]
        for mine, theirs in pairs
        if mine is not None and theirs is not None and metric in mine and theirs.get(metric)
    ]


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least this share of all does not exceed (nearest rank)."""
    ordered = sorted(samples)
    rank = -(-len(ordered) * share // 1)
    return ordered[max(0, int(rank) - 1)]


def judge(budget: Budget, rounds: Rounds) -> Judged:
    """Hold one budget against what was measured."""
    if budget.against is None:
        found = values(rounds, budget.system, budget.metric)
    else:
        found = ratios(rounds, budget.system, budget.against, budget.metric)
    if not found:
        return Judged(budget, None)
    return Judged(budget, median(found), min(found), max(found))


def measure_table(metrics: Sequence[Metric], rounds: Rounds, reference: str = "celery") -> str:
    """All systems of one measure: median and range of each metric, and the ratio to the reference."""
    header = ["system"]
    for metric in metrics:
        header.append(metric.title)
        if metric.compared:
            header.append(f"x {reference}")
    rows = [header]
    for system, figures in rounds.items():
        row = [system + _failures(figures)]
        for metric in metrics:
            row.append(with_range(values(rounds, system, metric.name), metric.digits))
            if metric.compared:
                row.append(with_range(ratios(rounds, system, reference, metric.name), 2))
        rows.append(row)
    return _aligned(rows)


def budget_table(judged: Sequence[Judged]) -> str:
    """Every budget with its verdict, none left out."""
    rows = [["budget", "bound", "found", "verdict"]]
    for row in judged:
        budget = row.budget
        unit = f" x {budget.against}" if budget.against else budget.unit
        digits = 0 if budget.bound >= 1000 else 2
        found = "" if row.value is None else with_range([row.low, row.value, row.high], digits)
        rows.append([budget.what, f"{budget.sense} {budget.bound:,g}{unit}", found, row.verdict])
    missed = sum(row.verdict == "MISSED" for row in judged)
    open_ones = sum(row.verdict == "not measured" for row in judged)
    count = f"{len(judged) - missed - open_ones} met, {missed} MISSED, {open_ones} not measured"
    return f"Budgets: {count}\n{_aligned(rows)}"


def _failures(figures: Sequence[Figures | None]) -> str:
    failed = sum(entry is None for entry in figures)
    return f" (failed {failed} of {len(figures)})" if failed else ""


def with_range(found: Sequence[float], digits: int) -> str:
    """The median, and from where to where; a dash when there is nothing."""
    if not found:
        return "-"
    middle, low, high = (f"{value:,.{digits}f}" for value in (median(found), min(found), max(found)))
    return middle if len(found) == 1 else f"{middle} ({low}-{high})"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        first, *others = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append(f"  {'  '.join([first, *others])}".rstrip())
    return "\n".join(lines)
