"""The real Celery: in an environment of its own, reached through its own interpreter."""

from __future__ import annotations

from pathlib import Path

import pytest

_PYTHON = Path(__file__).resolve().parents[2] / ".venv-compat" / "bin" / "python"


@pytest.fixture(scope="session")
def celery_python() -> Path:
    """The interpreter that can import Celery, and cannot import Celeriac."""
    if not _PYTHON.exists():
        pytest.fail("celery is missing: `make venv-compat` installs it in .venv-compat", pytrace=False)
    return _PYTHON
