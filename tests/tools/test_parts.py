"""The parts in which the tests are run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.environment import ROOT
from tools.parts import LONG, End, split


def test_each_test_is_in_one_part() -> None:
    folder = ROOT / "tests"
    parts = split([path.name for path in folder.iterdir()])
    assert list(parts) == [*LONG, "others"]
    assert all(parts.values())
    paths = [folder / name for names in parts.values() for name in names]
    assert len(set(paths)) == len(paths)
    for module in folder.rglob("test_*.py"):
        assert sum(module == path or path in module.parents for path in paths) == 1, module


def test_the_end_of_a_part_tells_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    end = End("stores")
    why = ["E  why\n", "E  and more\n", "FAILED tests/a.py::b\n"]
    end.read(["one\n", *why, *(f"{number}\n" for number in range(9)), "INTERNALERROR\n"])
    assert end.failures == ["E  why", "FAILED tests/a.py::b"]
    assert list(end.last) == [*map(str, range(2, 9)), "INTERNALERROR"]
    assert capsys.readouterr().out.startswith("stores | one\nstores | E  why")


@pytest.mark.slow
def test_a_test_that_is_named_runs_alone() -> None:
    name = "tests/tools/test_parts.py::test_each_test_is_in_one_part"
    command = [sys.executable, "-m", "tools.parts", "-p", "no:cacheprovider", "-q", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "1 passed" in done.stdout, " | " in done.stdout) == (0, True, False)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_one_part_that_fails_is_a_failure(tmp_path: Path) -> None:
    plugin = tmp_path / "only_one.py"
    plugin.write_text(
        "import pytest\n"
        "def pytest_collection_modifyitems(items):\n"
        "    chosen = [item for item in items if item.name == 'test_each_test_is_in_one_part']\n"
        "    items[:] = chosen\n"
        "    for item in chosen:\n"
        "        item.obj = lambda: pytest.fail('on purpose')\n"
    )
    command = [sys.executable, "-m", "tools.parts", "-q", "-p", "only_one"]
    environment = {"PYTHONPATH": f"{tmp_path}:{ROOT / 'src'}", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "others | " in done.stdout
    head, reason, failed = done.stdout.splitlines()[-3:]
    assert (head, reason) == ("others ended with 1:", "  E   Failed: on purpose")
    assert failed.startswith("  FAILED tests/tools/test_parts.py::test_each_test_is_in_one_part")
