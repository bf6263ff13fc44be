"""Writes docs/figures.md, and the table of figures in the README, from what `make bench` measured.

    make bench ARGS="--json build/bench.json"
    python -m tools.figures_page build/bench.json

keeps the measurements as docs/figures.json. Without a file both are written anew from those.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measures import MEASURES
from bench.table import Metric, ratios, values
from bench.table import with_range as ranged

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "docs" / "figures.json"
PAGE = ROOT / "docs" / "figures.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- figures: written by tools.figures_page -->\n", "<!-- end of the figures -->\n"

_INTRODUCTION = Path(__file__).with_suffix(".md")
_PEERS = ("celery", "huey", "dramatiq", "taskiq")
_OURS = "celeriac"
_REFERENCE = "celery"


@dataclass(frozen=True)
class Row:
    """One line of the short table: a figure of a measure."""

    what: str
    measure: str
    metric: str
    digits: int = 0


_SHORT = (
    Row("run no-op tasks, results kept, tasks/s", "results", "rate"),
    Row("the same, results ignored", "ignored", "rate"),
    Row("enqueue one by one, tasks/s", "each", "rate"),
    Row("enqueue in bulk, tasks/s", "many", "rate"),
    Row("100 waits of 50 ms at once, tasks/s (2,000 is ideal)", "waits", "rate"),
    Row("`delay()` to the result, idle, p50, ms", "get", "p50", 2),
    Row("`delay()` to the first line of the task, idle, p50, ms", "start", "p50", 2),
    Row("memory of a worker with one slot, MB", "footprint", "memory"),
    Row("start of a worker to its first task, ms", "footprint", "startup"),
)


def short(measured: Mapping[str, Any]) -> str:
    """One line a figure, one column a system: medians."""
    header = ["", *(name.capitalize() if name == _REFERENCE else name for name in _PEERS), "**Celeriac**", "to Celery"]
    rows = [_short_row(row, measured["measures"].get(row.measure, {})) for row in _SHORT]
    return "\n".join([_line(header), _line(["---"] + ["--:"] * (len(header) - 1)), *map(_line, rows)]) + "\n"


def _short_row(row: Row, rounds: Any) -> list[str]:
    def figure(system: str) -> str:
        found = values(rounds, system, row.metric)
        return ranged(found, row.digits).partition(" ")[0]

    ratio = ranged(ratios(rounds, _OURS, _REFERENCE, row.metric), 2).partition(" ")[0]
    return [row.what, *map(figure, _PEERS), f"**{figure(_OURS)}**", ratio if ratio == "-" else f"{ratio} x"]


def page(measured: Mapping[str, Any]) -> str:
    """All of it: machine, versions, each measure with its notes, the budgets."""
    about = [f"| {name} | {text} |" for name, text in measured["about"].items()]
    parts = [
        _INTRODUCTION.read_text().rstrip(),
        "\n".join(["| | |", "|---|---|", *about]),
        "## In short",
        short(measured),
    ]
    for measure in MEASURES:
        if rounds := measured["measures"].get(measure.name):
            notes = " ".join(note.strip() for note in measure.notes)
            parts += [f"## {measure.title}", *([notes] if notes else []), _table(measure.metrics, rounds)]
    return "\n\n".join(part.rstrip() for part in [*parts, "## Targets", _budgets(measured["budgets"])]) + "\n"


def _table(metrics: Sequence[Metric], rounds: Any) -> str:
    header = ["system"]
    for metric in metrics:
        header += [metric.title.replace("us/", "µs/"), *([f"to {_REFERENCE.capitalize()}"] * metric.compared)]
    lines = [header, ["---"] + ["--:"] * (len(header) - 1)]
    for system in rounds:
        line = [system]
        for metric in metrics:
            line.append(ranged(values(rounds, system, metric.name), metric.digits))
            if metric.compared:
                line.append(ranged(ratios(rounds, system, _REFERENCE, metric.name), 2))
        lines.append(line)
    return "\n".join(map(_line, lines))


def _budgets(budgets: Sequence[Mapping[str, Any]]) -> str:
    lines = [["what", "bound", "found", ""], ["---", "--:", "--:", "---"]]
    for budget in budgets:
        against = f" x {budget['against']}" if budget["against"] else ""
        found = "" if budget["found"] is None else f"{budget['found']:,.{0 if budget['bound'] >= 1000 else 2}f}"
        lines.append([budget["what"], f"{budget['sense']} {budget['bound']:,g}{against}", found, budget["verdict"]])
    return "\n".join(map(_line, lines))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def readme(text: str, measured: Mapping[str, Any]) -> str:
    """The README with the short table of these figures."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + "\n" + short(measured) + "\n" + END + rest.partition(END)[2]


def main() -> None:
    """Keep the file that was given, and write both."""
    if sys.argv[1:]:
        given = json.loads(Path(sys.argv[1]).read_text())
        # A folder of the machine says nothing to a reader.
        given["about"].pop("folder", None)
        KEPT.write_text(json.dumps(given, indent=1) + "\n")
    measured = json.loads(KEPT.read_text())
    PAGE.write_text(page(measured))
    README.write_text(readme(README.read_text(), measured))


if __name__ == "__main__":
    main()
