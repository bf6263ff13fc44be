"""The Python blocks of docs/limits.md run in order, and print what the page says; its table has the real defaults."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from celeriac.config import TABLE

DOCUMENT = (Path(__file__).parent.parent / "docs" / "limits.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
UNITS = {"": 1, "MiB": 1 << 20, "s": 1}


def test_the_blocks_do_what_the_page_says() -> None:
    command = [sys.executable, "-c", "\n".join(BLOCKS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    large, option, error, trace = done.stdout.splitlines()
    assert "message_max_bytes allows 100000" in large
    assert option.startswith("countdown cannot be inf")
    assert error == "SystemExit builtins.SystemExit (3,)"
    assert trace == "Traceback (most recent call last):"


def test_the_table_has_the_defaults() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) ?(\w*) \|", DOCUMENT, re.MULTILINE)
    assert len(rows) == 8
    for name, number, unit in rows:
        assert TABLE[name].default == int(number.replace(",", "")) * UNITS[unit], name
