"""The table of docs/limits.md has the real defaults."""

from __future__ import annotations

import re

from celeriac.config import TABLE
from tests.docs.blocks import ROOT

UNITS = {"": 1, "MiB": 1 << 20, "s": 1}


def test_the_table_has_the_defaults() -> None:
    text = (ROOT / "docs" / "limits.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) ?(\w*) \|", text, re.MULTILINE)
    assert len(rows) == 8
    for name, number, unit in rows:
        assert TABLE[name].default == int(number.replace(",", "")) * UNITS[unit], name
