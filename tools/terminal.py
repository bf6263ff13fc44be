"""Draws what terminals showed as one SVG: panes above each other, each line appearing at its time. Pure.

The colours are those of the programs (SGR codes of ECMA-48, 8.3.117), as a terminal with a dark ground shows them. Who
asks for no motion sees all of it at once, and so does whoever prints it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import ceil


@dataclass(frozen=True)
class Line:
    """A line with its codes, and when it came, in seconds of any clock."""

    when: float
    text: str


@dataclass(frozen=True)
class Pane:
    """One terminal."""

    title: str
    lines: Sequence[Line]


LONGEST_PAUSE = 1.4
"""Seconds for which nothing happens, at most."""
SHORTEST_PAUSE = 0.05
TYPING = 0.9
"""Seconds before what was typed shows its effect: a reader has to read."""
REST = 8.0
"""How long the whole stands before it begins again."""

_CELL, _ROW, _MARGIN, _BAR = 7.84, 19, 16, 34
_COLOURS = ("#6e7681", "#ff7b72", "#7ee787", "#e3b341", "#79c0ff", "#d2a8ff", "#76e3ea", "#e6edf3")
_GREY = "#8b949e"
_SGR = re.compile(r"\x1b\[([\d;]*)m")
_OTHER = re.compile(r"\x1b\[[\d;?]*[A-Za-ln-z]|[\x00-\x08\x0b-\x1a\x1c-\x1f]")
_PROMPT = "\x1b[1;32m$"


@dataclass(frozen=True)
class _Run:
    """Characters of one look."""

    text: str
    colour: str | None = None
    bold: bool = False


def draw(panes: Sequence[Pane], columns: int) -> str:
    """The picture; lines longer than `columns` go on in the next row."""
    moments = _moments([line for pane in panes for line in pane.lines])
    length = max(moments.values(), default=0.0) + REST
    width = round(columns * _CELL) + 2 * _MARGIN
    parts, top = [], 0
    for pane in panes:
        part, height = _pane(pane, top, width, columns, moments)
        parts.append(part)
        top += height + _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top - _MARGIN}" width="{width}" '
        f'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13">'
    )
    return "\n".join([head, _style(sorted(set(moments.values())), length), *parts, "</svg>"]) + "\n"


def _moments(lines: Sequence[Line]) -> dict[Line, float]:
    """When each line is shown: at its own time, pauses shortened or stretched to what a reader can follow."""
    ordered = sorted(lines, key=lambda line: line.when)
    shown = dict.fromkeys(ordered[:1], 0.0)
    for before, line in pairwise(ordered):
        pause = min(max(line.when - before.when, SHORTEST_PAUSE), LONGEST_PAUSE)
        if before.text.startswith(_PROMPT):
            pause = max(pause, TYPING)
        shown[line] = round(shown[before] + pause, 2)
    return shown


def _style(moments: Sequence[float], length: float) -> str:
    """One animation a moment, which all lines of the moment share; steps, so that nothing fades."""
    rules = []
    for number, moment in enumerate(moments):
        share = 100 * moment / length
        if moment:
            rules.append(
                f".m{number}{{animation:k{number} {length:.2f}s step-end infinite}}"
                f"@keyframes k{number}{{0%{{opacity:0}}{share:.3f}%{{opacity:1}}}}"
            )
    moving = f"@media screen and (prefers-reduced-motion:no-preference){{{''.join(rules)}}}"
    return f"<style>text{{white-space:pre}}{moving}</style>"


def _pane(pane: Pane, top: int, width: int, columns: int, moments: dict[Line, float]) -> tuple[str, int]:
    """The window with its rows, and how high it is."""
    numbers = {moment: number for number, moment in enumerate(sorted(set(moments.values())))}
    rows, row = [], 0
    for line in pane.lines:
        for runs in _wrapped(_runs(line.text), columns):
            y = top + _BAR + _MARGIN + row * _ROW
            rows.append(f'<text class="m{numbers[moments[line]]}" x="{_MARGIN}" y="{y}">{_spans(runs)}</text>')
            row += 1
    height = _BAR + _MARGIN + row * _ROW
    dots = "".join(
        f'<circle cx="{20 + 18 * at}" cy="{top + _BAR / 2:g}" r="5.5" fill="{colour}"/>'
        for at, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    frame = (
        f'<rect x="0.5" y="{top + 0.5}" width="{width - 1}" height="{height - 1}" rx="9" '
        f'fill="#0d1117" stroke="#30363d"/>'
        f'{dots}<text x="{width / 2:g}" y="{top + _BAR / 2 + 4:g}" fill="{_GREY}" text-anchor="middle">'
        f"{escape(pane.title)}</text>"
    )
    return f'{frame}\n<g fill="#e6edf3">\n' + "\n".join(rows) + "\n</g>", height


def _runs(text: str) -> Iterator[_Run]:
    """The line without its codes, in pieces of one look."""
    colour, bold = None, False
    parts = _SGR.split(_OTHER.sub("", text))
    for number, part in enumerate(parts):
        if number % 2 == 0:
            if part:
                yield _Run(part, colour, bold)
            continue
        for code in (int(word or 0) for word in part.split(";")):
            if code == 0:
                colour, bold = None, False
            elif code == 1:
                bold = True
            elif 30 <= code <= 37:
                colour = _COLOURS[code - 30]
            elif 90 <= code <= 97:
                colour = _GREY if code == 90 else _COLOURS[code - 90]
            elif code == 39:
                colour = None


def _wrapped(runs: Iterator[_Run], columns: int) -> list[list[_Run]]:
    """As many rows as it takes."""
    cells = [(character, run) for run in runs for character in run.text]
    rows = [cells[at * columns : (at + 1) * columns] for at in range(max(1, ceil(len(cells) / columns)))]
    return [_joined(row) for row in rows]


def _joined(cells: Sequence[tuple[str, _Run]]) -> list[_Run]:
    joined: list[_Run] = []
    for character, look in cells:
        if joined and (joined[-1].colour, joined[-1].bold) == (look.colour, look.bold):
            joined[-1] = _Run(joined[-1].text + character, look.colour, look.bold)
        else:
            joined.append(_Run(character, look.colour, look.bold))
    return joined


def _spans(runs: Sequence[_Run]) -> str:
    pieces = []
    for run in runs:
        looks = f' fill="{run.colour}"' * bool(run.colour) + ' font-weight="bold"' * run.bold
        text = escape(run.text, quote=False)
        pieces.append(f"<tspan{looks}>{text}</tspan>" if looks else text)
    return "".join(pieces)
