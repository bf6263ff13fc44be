"""What is installed is what is in the tree: code, types, SQL and Lua."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_wheel_holds_every_file_of_the_package(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", tmp_path, ROOT], check=True)
    [wheel] = tmp_path.glob("celeriac-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("celeriac/")}

    files = (path for path in (ROOT / "src" / "celeriac").rglob("*") if path.is_file())
    assert packed == {path.relative_to(ROOT / "src").as_posix() for path in files if "__pycache__" not in path.parts}
    assert {Path(name).suffix for name in packed} >= {".py", ".typed", ".lua", ".sql"}
