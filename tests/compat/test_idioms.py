"""What users of Celery write comes to the same here, or docs/migration.md says what it comes to instead.

Each function of `tests/compat/idioms` with the parameter `m` is one idiom. It is run by the same script under both
interpreters, and what it returns, or the class of what it raises, is compared.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.compat import idioms
from tests.compat.idioms.run import idioms_of

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "migration.md").read_text()

_TOOLS = {"library", "run"}
MODULES = [
    f"{idioms.__name__}.{found.name}" for found in pkgutil.iter_modules(idioms.__path__) if found.name not in _TOOLS
]
_FOUND = {name: idioms_of(importlib.import_module(name)) for name in MODULES}
_IDIOMS = [
    pytest.param(module, name, id=f"{module.rpartition('.')[2]}-{name}")
    for module, found in _FOUND.items()
    for name in found
]


class Side:
    """What the idioms come to with one library; each module is run when one of its idioms is first asked for."""

    def __init__(self, python: str | Path, library: str) -> None:
        self._command = [str(python), "-m", "tests.compat.idioms.run", library]
        self._told: dict[str, dict[str, Any]] = {}

    def __call__(self, module: str, idiom: str) -> Any:
        """What one comes to."""
        if module not in self._told:
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            done = subprocess.run(
                [*self._command, module], cwd=ROOT, env=environment, capture_output=True, timeout=170, check=False
            )
            assert done.returncode == 0, done.stderr.decode()
            self._told.update(json.loads(done.stdout))
        return self._told[module][idiom]


@pytest.fixture(scope="session")
def theirs(celery_python: Path) -> Side:
    """Celery's."""
    return Side(celery_python, "celery")


@pytest.fixture(scope="session")
def here() -> Side:
    """Ours."""
    return Side(sys.executable, "celeriac")


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("module", "name"), _IDIOMS)
def test_an_idiom_comes_to_the_same(theirs: Side, here: Side, module: str, name: str) -> None:
    told = getattr(_FOUND[module][name], "differs", None)
    if told is None:
        assert here(module, name) == theirs(module, name)
    else:
        assert told in PAGE, "docs/migration.md does not say how this differs"
        assert here(module, name) != theirs(module, name), "this is the same by now"
