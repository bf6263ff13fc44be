"""docs/settings.md is made of the table."""

from __future__ import annotations

import re

from celeriac.config import TABLE
from tools.settings_page import PAGE, page


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == page(), "python -m tools.settings_page writes it anew"


def test_every_setting_has_one_line_in_it():
    lines = re.findall(r"^\| `(\w+)`", PAGE.read_text(), re.MULTILINE)
    assert sorted(lines) == sorted(TABLE)
