"""docs/settings.md: made of the table, and its snippets run."""

from __future__ import annotations

import re
import subprocess
import sys

from celeriac.config import TABLE
from tools.settings_page import PAGE, page


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == page(), "python -m tools.settings_page writes it anew"


def test_every_setting_has_one_line_in_it():
    lines = re.findall(r"^\| `(\w+)`", PAGE.read_text(), re.MULTILINE)
    assert sorted(lines) == sorted(TABLE)


def test_its_snippets_run(tmp_path):
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    done = subprocess.run(
        [sys.executable, "-c", "".join(blocks)], cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "result_expires: 3600" in done.stdout
