"""A view as lines of a terminal. Pure."""

from __future__ import annotations

from textwrap import wrap
from typing import NamedTuple
from unicodedata import combining, east_asian_width

from celeriac.cli.forms import time_text
from celeriac.cli.screen.view import HEADS, TABLES, Row, Style, View, chosen_row, order_of, rows

_HELP = "q quit  tab table  arrows choose  s sort  enter explain  p pause  k revoke"
_OTHERS_MINIMUM = 3


class Line(NamedTuple):
    """One line, as wide as it may be."""

    text: str
    style: Style = Style.PLAIN


def frame(view: View, width: int, height: int) -> list[Line]:
    """A whole screen: exactly `height` lines of at most `width` columns."""
    top = [Line(_title(view), Style.HEAD), _second(view)]
    bottom = [_last(view)]
    told = [line for text in view.telling for line in wrap(text, max(10, width)) or [""]]
    room = height - len(top) - len(bottom) - len(HEADS)
    panel = [Line(text) for text in told[: max(0, room)]]
    tables = _tables(view, room - len(panel))
    middle = tables[: max(0, height - len(top) - len(bottom) - len(panel))]
    blank = height - len(top) - len(bottom) - len(panel) - len(middle)
    lines = [*top, *middle, *[Line("")] * blank, *panel, *bottom]
    return [Line(fit(line.text, width), line.style) for line in lines[:height]]


def whole(view: View, width: int) -> list[str]:
    """Everything there is, for paper and pipes."""
    lines = [_title(view), _summary(view)]
    for table in TABLES:
        lines += ["", HEADS[table], *(row.text for row in rows(view, table))]
    return [fit(line, width).rstrip() for line in lines]


def _title(view: View) -> str:
    return f"{view.title}  {time_text(view.overview.at)} UTC"


def _second(view: View) -> Line:
    return Line(view.trouble, Style.ALARM) if view.trouble else Line(_summary(view))


def _summary(view: View) -> str:
    seen = view.overview
    ready, delayed, dead = (sum(getattr(queue, name) for queue in seen.queues) for name in ("ready", "delayed", "dead"))
    slots, held = (sum(getattr(worker, name) for worker in seen.living) for name in ("slots", "held"))
    silent = len(seen.workers) - len(seen.living)
    gone = f" ({silent} silent)" if silent else ""
    return (
        f"{_some(len(seen.living), 'worker')}{gone}, {_some(slots, 'slot')}, {_some(held, 'task')} in hand, "
        f"{ready} ready, {delayed} delayed, {dead} dead"
    )


def _some(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _last(view: View) -> Line:
    if view.asking is not None:
        return Line(f"Revoke {view.asking.about}?  y yes  t and end it if it runs  any other key: no", Style.ALARM)
    return Line(view.note, Style.ALARM) if view.note else Line(_HELP, Style.QUIET)


def _tables(view: View, room: int) -> list[Line]:
    found = {table: rows(view, table) for table in TABLES}
    shares = share({table: len(lines) for table, lines in found.items()}, view.focus, max(0, room))
    lines: list[Line] = []
    for table in TABLES:
        mark = "> " if table == view.focus else "  "
        by = f" (by {order_of(view, table)})" if table == view.focus else ""
        lines.append(Line(f"{mark}{HEADS[table]}{by}", Style.HEAD))
        lines += _window(view, table, found[table], shares[table])
    return lines


def share(wanted: dict[str, int], focus: str, room: int) -> dict[str, int]:
    """How many lines each table gets: the others a few, the one in focus what it wants, the others the rest."""
    others = [table for table in wanted if table != focus]
    given = dict.fromkeys(wanted, 0)
    for tables, maximum in ((others, _OTHERS_MINIMUM), ([focus], room), (others, room)):
        for table in tables:
            more = min(min(wanted[table], maximum) - given[table], room - sum(given.values()))
            given[table] += max(0, more)
    return given


def _window(view: View, table: str, lines: list[Row], count: int) -> list[Line]:
    """So many lines of a table, the chosen one among them."""
    chosen = chosen_row(view, table, lines)
    start = max(0, min(chosen - count // 2, len(lines) - count))
    shown = []
    for place, row in enumerate(lines[start : start + count], start):
        style = Style.CHOSEN if table == view.focus and place == chosen else row.style
        shown.append(Line(f"  {row.text}", style))
    return shown


def fit(text: str, width: int) -> str:
    """The text on one line of at most so many columns; what would move the cursor is shown as a question mark."""
    taken, columns = [], 0
    for character in text:
        if not character.isprintable():
            character = "?"
        columns += 0 if combining(character) else 2 if east_asian_width(character) in "WF" else 1
        if columns > width:
            break
        taken.append(character)
    return "".join(taken)
