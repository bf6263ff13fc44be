"""The report on many modules, and what it takes for two analyses to be the same."""

from __future__ import annotations

import random

from celeriac.demo.analysis import FunctionFigures, ModuleFigures
from celeriac.demo.report import TOP, describe, differing, summarise

MODULES = [
    ModuleFigures("a", 10, 100, (FunctionFigures("f", 1, 3), FunctionFigures("g", 5, 7)), ("os", "sys")),
    ModuleFigures("b", 30, 300, (FunctionFigures("f", 1, 7),), ("sys",)),
    ModuleFigures("c", 30, 200, (), ("re", "sys")),
    ModuleFigures("d", 1, error="invalid syntax"),
]


def test_totals_and_tops_have_the_largest_first_and_names_decide_between_equals():
    report = summarise(MODULES)
    assert (report.modules, report.lines, report.tokens, report.functions, report.unreadable) == (4, 71, 600, 3, 1)
    assert report.max_complex == ((7, "a:g"), (7, "b:f"), (3, "a:f"))
    assert report.longest == ((30, "b"), (30, "c"), (10, "a"), (1, "d"))
    assert report.most_imported == ((3, "sys"), (1, "os"), (1, "re"))


def test_order_of_arrival_changes_nothing():
    many = [ModuleFigures(f"m{number}", number % 7, number, (), ("sys",)) for number in range(50)]
    shuffled = random.Random(1).sample(many, len(many))
    assert summarise(shuffled) == summarise(many)
    assert len(summarise(many).longest) == TOP


def test_description_names_every_top():
    text = describe(summarise(MODULES))
    assert "4 modules, 3 functions, 71 lines, 600 tokens" in text
    assert "1 of them cannot be read as Python" in text
    for name in ("a:g", "b:f", "b", "sys"):
        assert name in text


def test_differing_names_what_changed_what_is_missing_and_what_is_too_much():
    a, b, c, d = MODULES
    other = ModuleFigures("b", 30, 301, b.functions, b.imports)
    assert differing(MODULES, [d, c, b, a]) == []
    assert differing([a, b, c], [a, other, d]) == ["b", "c", "d"]
