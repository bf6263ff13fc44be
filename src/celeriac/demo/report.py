"""From the figures of all modules to one report: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from celeriac.demo.analysis import ModuleFigures

TOP = 5


class Report(Struct, frozen=True):
    """Totals, and the top of each list as pairs of a figure and a name."""

    modules: int
    lines: int
    tokens: int
    functions: int
    unreadable: int
    max_complex: tuple[tuple[int, str], ...]
    longest: tuple[tuple[int, str], ...]
    most_imported: tuple[tuple[int, str], ...]


def summarise(figures: Iterable[ModuleFigures]) -> Report:
    """The report on these modules; their order does not matter."""
    modules = list(figures)
    functions = [(function.complexity, f"{m.module}:{function.name}") for m in modules for function in m.functions]
    imported = Counter(name for module in modules for name in module.imports)
    return Report(
        modules=len(modules),
        lines=sum(module.lines for module in modules),
        tokens=sum(module.tokens for module in modules),
        functions=len(functions),
        unreadable=sum(bool(module.error) for module in modules),
        max_complex=_top(functions),
        longest=_top((module.lines, module.module) for module in modules),
        most_imported=_top((count, name) for name, count in imported.items()),
    )


def _top(pairs: Iterable[tuple[int, str]]) -> tuple[tuple[int, str], ...]:
    """The largest figures first; names decide between equal ones."""
    return tuple(sorted(pairs, key=lambda pair: (-pair[0], pair[1]))[:TOP])


def describe(report: Report) -> str:
    """The report for people."""
    lines = [
        f"{report.modules:,} modules, {report.functions:,} functions, {report.lines:,} lines, {report.tokens:,} tokens"
    ]
    if report.unreadable:
        lines.append(f"{report.unreadable:,} of them cannot be read as Python")
    for title, pairs in (
        ("most complex functions", report.max_complex),
        ("longest modules, in lines", report.longest),
        ("most imported, by modules", report.most_imported),
    ):
        lines += ["", title, *(f"  {figure:>6,}  {name}" for figure, name in pairs)]
    return "\n".join(lines)


def differing(found: Iterable[ModuleFigures], expected: Iterable[ModuleFigures]) -> list[str]:
    """The modules on which two analyses do not agree, those that only one of them knows included."""
    ours, theirs = ({module.module: module for module in side} for side in (found, expected))
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
