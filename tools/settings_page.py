"""Writes docs/settings.md from the table of settings.

python -m tools.settings_page          writes it
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from celeriac.config.rows import broker, control, engines, logging, messages, results, tasks, worker
from celeriac.config.setting import Setting, Standing
from celeriac.config.table import OLD_NAMES

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
_INTRODUCTION = Path(__file__).with_suffix(".md")
_SECTIONS = (
    ("The broker", broker.ROWS),
    ("Tasks", tasks.ROWS),
    ("Results", results.ROWS),
    ("Messages", messages.ROWS),
    ("Workers", worker.ROWS),
    ("Logging", logging.ROWS),
    ("Remote control, events, schedules", control.ROWS),
    ("One engine each", engines.ROWS),
)
_TYPES = {
    str: "text",
    bool: "bool",
    int: "int",
    float: "number",
    dict: "dict",
    list: "list",
    tuple: "list",
    set: "set",
    frozenset: "set",
    bytes: "bytes",
    type(None): "None",
    object: "anything",
}
_VERDICTS = {
    Standing.MAPPED: "**Mapped**: {}.",
    Standing.IDLE: "**No effect**, with a warning: {}.",
    Standing.LATER: "**No effect yet**, with a warning: {}.",
    Standing.REFUSED: "**Refused** when set to anything else: {}.",
}


def page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION.read_text().rstrip()]
    for title, rows in _SECTIONS:
        parts.append(f"## {title}\n\n{_table(rows)}")
    return "\n\n".join(parts) + "\n"


def _table(rows: Iterable[Setting]) -> str:
    lines = ["| setting | type | default | what it does |", "|---|---|---|---|"]
    return "\n".join(lines + [_line(row) for row in rows])


def _line(row: Setting) -> str:
    olds = [f"`{old}`" for old, name in OLD_NAMES.items() if name == row.name and old != row.name.upper()]
    name = f"`{row.name}`" + (f"<br>{', '.join(olds)}" if olds else "")
    text = row.doc
    if row.choices and row.kind is str:
        text += f" One of {', '.join(f'`{choice}`' for choice in row.choices)}."
    if row.standing in _VERDICTS:
        text += " " + _VERDICTS[row.standing].format(row.note)
    kind = _kinds(row.kind) + (f", {row.unit}" if row.unit else "")
    return f"| {name} | {kind} | {_code(row.default)} | {_cell(text)} |"


def _kinds(kind: type | tuple[type, ...]) -> str:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    words = dict.fromkeys(_TYPES[one] for one in kinds if one in _TYPES)
    if "number" in words:
        words.pop("int", None)
    return " or ".join(words)


def _code(value: Any) -> str:
    return _cell(f"`{value!r}`")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
