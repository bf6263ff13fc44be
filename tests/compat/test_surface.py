"""docs/migration.md names whatever of Celery's public names Celeriac lacks, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import celeriac
from celeriac import Celeriac, exceptions, states

PAGE = Path(__file__).resolve().parents[2] / "docs" / "migration.md"

_LIST = """
import json, types, celery
from celery import exceptions, states

def public(thing):
    names = (name for name in dir(thing) if not name.startswith("_"))
    return [name for name in names if not isinstance(getattr(thing, name, None), types.ModuleType)]

app = celery.Celery()

@app.task(name="task")
def task():
    pass

print(json.dumps({
    "celery": public(celery),
    "celery.exceptions": [name for name in public(exceptions) if isinstance(getattr(exceptions, name), type)],
    "celery.states": states.__all__,
    "app": public(type(app)) + ["conf", "main"],
    "task": public(app.tasks["task"]),
    "result": public(app.AsyncResult("0")),
    "control": public(type(app.control)),
}))
"""


@pytest.fixture(scope="module")
def theirs(celery_python: Path) -> dict[str, list[str]]:
    """Celery's public names, by what has them."""
    said = subprocess.run([celery_python, "-c", _LIST], capture_output=True, text=True, timeout=50, check=True).stdout
    names: dict[str, list[str]] = json.loads(said)
    return names


def ours() -> dict[str, Any]:
    """What has them here."""
    app = Celeriac("surface", broker="memory://", set_as_current=False)
    task = app.task(lambda: None)
    return {
        "celery": celeriac,
        "celery.exceptions": exceptions,
        "celery.states": states,
        "app": app,
        "task": task,
        "result": app.AsyncResult("0"),
        "control": app.control,
    }


def test_every_name_that_is_missing_is_on_the_page(theirs: dict[str, list[str]]) -> None:
    rows = re.findall(r"^\| missing from `([\w.]+)` \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    said = {where: re.findall(r"`(\w+)`", names) for where, names in rows}
    here = ours()
    lacks = {where: sorted(name for name in names if name not in dir(here[where])) for where, names in theirs.items()}
    assert said == {where: names for where, names in lacks.items() if names}
