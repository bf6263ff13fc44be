"""The statements of the `.sql` files by their names."""

from __future__ import annotations

import os
import re
from functools import cache

_FOLDER = os.path.join(os.path.dirname(__file__), "sql")
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


def _read(name: str) -> str:
    with open(os.path.join(_FOLDER, name)) as file:
        return file.read()


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
        statements |= split(_read(file))
    return statements


UPGRADES = {version: _read(f"upgrade_{version}.sql") for version in (2, 3, 4, 5)}
"""What brings the tables from the version before to each."""
SCHEMA = _read("schema.sql")
SQL = _load()
