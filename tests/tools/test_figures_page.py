"""docs/figures.md and the README's table are made of docs/figures.json; figures that are missing are dashes."""

from __future__ import annotations

import json

from tools.figures_page import KEPT, PAGE, README, page, readme, short


def test_page_and_readme_are_up_to_date():
    measured = json.loads(KEPT.read_text())
    assert PAGE.read_text() == page(measured), "python -m tools.figures_page writes it anew"
    assert README.read_text() == readme(README.read_text(), measured), "python -m tools.figures_page writes it anew"


def test_it_names_no_folder_of_a_machine():
    assert "folder" not in json.loads(KEPT.read_text())["about"]


def test_a_row_has_medians_and_the_ratio_within_rounds():
    rates = {"celery": [{"rate": 10.0}, {"rate": 20.0}], "celeriac": [{"rate": 100.0}, {"rate": 600.0}], "huey": [None]}
    lines = short({"measures": {"results": rates}}).splitlines()
    assert lines[2] == "| run no-op tasks, results kept, tasks/s | 15 | - | - | - | **350** | 20.00 x |"
    assert lines[3] == "| the same, results ignored | - | - | - | - | **-** | - |"
