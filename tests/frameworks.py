"""The environment with the frameworks, in which Celeriac is not installed but found."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-starters" / "bin" / "python"


def with_django(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a Python that has Django, to its end."""
    if not PYTHON.exists():
        pytest.fail("the frameworks are missing: `make venv-starters` installs them in .venv-starters", pytrace=False)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **options.pop("env", {})}
    return subprocess.run(
        [PYTHON, *arguments], capture_output=True, text=True, timeout=50, check=False, env=environment, **options
    )
