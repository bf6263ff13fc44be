"""The statements of the `.sql` files by their names."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "sql"
_ROW = re.compile(r"\(\?(, \?)*\)")
_MARK = "-- name: "


def split(text: str) -> dict[str, str]:
    """The statements of one file, each begun by a line `-- name: <name>`; what stands before the first is prose."""
    parts = text.split(_MARK)[1:]
    return {name.strip(): statement.strip() for name, _, statement in (part.partition("\n") for part in parts)}


@cache
def repeated(name: str, rows: int) -> str:
    """An insertion of one row turned into one of several."""
    return _ROW.sub(lambda row: ", ".join([row[0]] * rows), SQL[name])


def _load() -> dict[str, str]:
    statements: dict[str, str] = {}
    for file in (
        "queues.sql",
        "delayed.sql",
        "dead.sql",
        "leases.sql",
        "results.sql",
        "revocations.sql",
        "inspection.sql",
        "kept.sql",
    ):
        statements |= split((_FOLDER / file).read_text())
    return statements


UPGRADES = {version: (_FOLDER / f"upgrade_{version}.sql").read_text() for version in (2, 3, 4)}
"""What brings the tables from the version before to each."""
SCHEMA = (_FOLDER / "schema.sql").read_text()
SQL = _load()
