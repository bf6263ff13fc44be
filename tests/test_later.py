"""Names of Celery's that are not there yet say so, and what else is not there fails as ever."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import celeriac
from celeriac import Celeriac, later

PAGE = Path(__file__).resolve().parents[1] / later.PAGE.partition("#")[0]
NAMES = sorted(name for names in celeriac._LATER.values() for name in names)


@pytest.mark.parametrize("name", NAMES)
def test_an_import_of_what_comes_later_says_so(name):
    for statement in (f"from celeriac import {name}", f"import celeriac.{name}"):
        with pytest.raises(
            ModuleNotFoundError, match=rf"no celeriac\.{name} yet: .* later version; see docs/migration"
        ):
            exec(statement)
    with pytest.raises(AttributeError, match="later version"):
        getattr(celeriac, name)


def test_what_nobody_has_is_missing_as_ever():
    with pytest.raises(ImportError, match=r"cannot import name .nonsense."):
        exec("from celeriac import nonsense")
    with pytest.raises(ModuleNotFoundError, match=r"No module named .celeriac\.nonsense."):
        importlib.import_module("celeriac.nonsense")
    assert not hasattr(celeriac, "nonsense")


def test_tasks_and_apps_say_it_as_well():
    app: Any = Celeriac("tests", broker="memory://", set_as_current=False)
    task = app.task(name="t")(lambda: 1)
    with pytest.raises(AttributeError, match=r"no attribute 's': signatures and workflows .* later"):
        task.s(1)
    with pytest.raises(AttributeError, match=r"no attribute 'add_periodic_task': schedules .* later"):
        app.add_periodic_task(1, task)
    with pytest.raises(AttributeError, match=r"no attribute .nonsense.$"):
        task.nonsense()


def test_the_page_is_there():
    title = later.PAGE.partition("#")[2].replace("-", " ")
    assert re.search(f"^## {title}$", PAGE.read_text(), re.MULTILINE | re.IGNORECASE)


def test_looking_for_later_names_loads_nothing():
    ours = "[name for name in sys.modules if name.startswith('celeriac')]"
    code = f"import sys, celeriac; hasattr(celeriac, 'chain'); print({ours})"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True).stdout
    assert said.strip() == "['celeriac']"
