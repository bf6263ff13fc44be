"""Celery's settings as plain data: name, old name, type and default of each."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("celery_settings.tsv")


class CelerySetting(NamedTuple):
    """One line of the list; the default is text, as Python writes it."""

    name: str
    old: str
    kind: str
    default: str


CELERYS = [CelerySetting(*line.split("\t")) for line in FILE.read_text().splitlines()]
