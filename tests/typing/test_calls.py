"""Types reach from a task's function to its calls: mypy's opinion of `calls.py.txt`, line by line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import celeriac

CALLS = Path(__file__).with_name("calls.py.txt")
_MARK = re.compile(r"# [ER]: (.+)$")
_OPINION = re.compile(r"^calls\.py:(\d+): (?:error: .*\[([a-z-]+)\]|note: Revealed type is \"(.*)\")$")

Opinions = dict[int, list[str]]


def expected() -> Opinions:
    """What the marks in the file say, by line."""
    marked: Opinions = {}
    for number, line in enumerate(CALLS.read_text().splitlines(), 1):
        if mark := _MARK.search(line):
            marked[number] = mark[1].split("; ")
    return marked


def found(folder: Path) -> Opinions:
    """What mypy says, by line: codes of errors and revealed types, without the modules of names."""
    (folder / "calls.py").write_text(CALLS.read_text())
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", "--strict", "--warn-unreachable", "calls.py"],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(Path(celeriac.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    opinions: Opinions = defaultdict(list)
    for line in done.stdout.splitlines():
        if opinion := _OPINION.match(line):
            number, code, revealed = opinion.groups()
            opinions[int(number)].append(code or re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Za-z])", "", revealed))
        else:
            assert "error: " not in line, line
    return dict(opinions)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_mypy_finds_the_marked_mistakes_and_no_others(tmp_path):
    marks, opinions = expected(), found(tmp_path)
    lines = CALLS.read_text().splitlines()
    for number in sorted(marks.keys() | opinions.keys()):
        told, wanted = sorted(opinions.get(number, [])), sorted(marks.get(number, []))
        assert told == wanted, f"line {number}: {lines[number - 1]}"
