"""Types reach from a task's function to its calls: what mypy and pyright say of `calls.py.txt`, line by line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import celeriac

CALLS = Path(__file__).with_name("calls.py.txt")
SOURCES = str(Path(celeriac.__file__).parents[1])
_MARK = re.compile(r"# ([ERM]): (.+)$")
_OPINION = re.compile(r"^calls\.py:(\d+): (?:error: .*\[([a-z-]+)\]|note: Revealed type is \"(.*)\")$")

Opinions = dict[int, list[str]]

PYRIGHTS_WORDS = {
    "arg-type": {"reportArgumentType", "reportCallIssue", "reportUntypedFunctionDecorator"},
    "assignment": {"reportAssignmentType"},
    "attr-defined": {"reportAttributeAccessIssue", "reportUnknownMemberType"},
    "call-arg": {"reportCallIssue"},
    "call-overload": {"reportArgumentType", "reportCallIssue"},
    "dict-item": {"reportArgumentType"},
    "list-item": {"reportArgumentType"},
    "misc": {"reportGeneralTypeIssues"},
    "untyped-decorator": {"reportUntypedFunctionDecorator"},
    "unused-coroutine": {"reportUnusedCoroutine"},
}
"""What pyright calls the errors that mypy has a code for."""

INTERNAL = ("celeriac.cli.", "celeriac.demo.", "celeriac.stores.", "celeriac.worker.")
"""Nothing there is for users to import."""


def marks(kinds: str) -> Opinions:
    """What the marks in the file say, by line."""
    found: Opinions = {}
    for number, line in enumerate(CALLS.read_text().splitlines(), 1):
        if (mark := _MARK.search(line)) and mark[1] in kinds:
            found[number] = mark[2].split("; ")
    return found


def mypys_opinions(folder: Path) -> Opinions:
    """What mypy says, by line: codes of errors and revealed types, without the modules of names."""
    (folder / "calls.py").write_text(CALLS.read_text())
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", "--strict", "--warn-unreachable", "calls.py"],
        cwd=folder,
        env={**os.environ, "MYPYPATH": SOURCES},
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


def pyright(folder: Path, *options: str) -> dict[str, object]:
    """What pyright (in the wheel of basedpyright, which brings its own node) prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "basedpyright", "--outputjson", *options],
        cwd=folder,
        # It asks the first `python` it finds where packages are.
        env={**os.environ, "PYTHONPATH": SOURCES, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    said: dict[str, object] = json.loads(done.stdout)
    return said


def pyrights_opinions(folder: Path) -> Opinions:
    """What pyright says, by line: rules that are broken, and revealed types as mypy writes them."""
    (folder / "calls.py").write_text(CALLS.read_text())
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict", "include": ["calls.py"]}')
    opinions: Opinions = defaultdict(list)
    said: list[dict[str, object]] = pyright(folder)["generalDiagnostics"]  # type: ignore[assignment]
    for each in said:
        place: dict[str, dict[str, int]] = each["range"]  # type: ignore[assignment]
        revealed = re.fullmatch(r'Type of ".*" is "(.*)"', str(each["message"]), re.DOTALL)
        opinions[place["start"]["line"] + 1].append(_as_mypy_writes(revealed[1]) if revealed else str(each["rule"]))
    return dict(opinions)


def _as_mypy_writes(revealed: str) -> str:
    return re.sub(r" = [^],]+", " =", revealed.replace("(", "[").replace(")", "]"))


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_mypy_finds_the_marked_mistakes_and_no_others(tmp_path):
    wanted, opinions = marks("ERM"), mypys_opinions(tmp_path)
    lines = CALLS.read_text().splitlines()
    for number in sorted(wanted.keys() | opinions.keys()):
        told = sorted(opinions.get(number, []))
        assert told == sorted(wanted.get(number, [])), f"line {number}: {lines[number - 1]}"


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_pyright_agrees(tmp_path):
    wanted, opinions = marks("ER"), pyrights_opinions(tmp_path)
    lines = CALLS.read_text().splitlines()
    for number in sorted(wanted.keys() | opinions.keys()):
        codes, told = wanted.get(number, []), set(opinions.get(number, []))
        types = {code for code in codes if code not in PYRIGHTS_WORDS}
        rules = {rule for code in codes for rule in PYRIGHTS_WORDS.get(code, ())}
        where = f"line {number}: {lines[number - 1]}"
        assert types <= told <= types | rules, where
        assert told - types or types or not codes, where


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_all_that_users_can_import_has_a_type(tmp_path):
    found = pyright(tmp_path, "--ignoreexternal", "--verifytypes", "celeriac")["typeCompleteness"]
    symbols: list[dict[str, object]] = found["symbols"]  # type: ignore[index]
    public = [each for each in symbols if each["isExported"] and not str(each["name"]).startswith(INTERNAL)]
    assert len(public) > 1000
    assert [each["name"] for each in public if not each["isTypeKnown"] or each["isTypeAmbiguous"]] == []
