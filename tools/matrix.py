"""Run pytest on every supported interpreter of this machine but the one that runs this.

Arguments are pytest's. An interpreter that is not there, or cannot make environments, is named and passed
over; a failure on any of the others is the failure of all.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tools import interpreters
from tools.environment import CANNOT, ROOT

_CAPTURED: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}


def main() -> None:
    """Test on all of them side by side, since tests wait more than they work; then say how each ended."""
    others = [version for version in interpreters.SUPPORTED if version != interpreters.running()]
    with ThreadPoolExecutor() as pool:
        outcomes = dict(zip(others, pool.map(lambda version: _test(version, sys.argv[1:]), others), strict=True))
    print("\nother interpreters:")
    for version, outcome in outcomes.items():
        print(f"  python{version}: {outcome}")
    sys.exit(any(outcome == "failed" for outcome in outcomes.values()))


def _test(version: str, arguments: list[str]) -> str:
    path = interpreters.find(version)
    if path is None:
        return "not found"
    directory = f".venv-{version}"
    make = [path, "-m", "tools.environment", directory, "requirements/dev.txt", "--editable"]
    made = _say(version, subprocess.run(make, cwd=ROOT, check=False, **_CAPTURED))
    if made == CANNOT:
        return "found, but it cannot make environments"
    test = [f"{directory}/bin/python", "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    passed = not made and not _say(version, subprocess.run(test, cwd=ROOT, check=False, **_CAPTURED))
    return "passed" if passed else "failed"


def _say(version: str, done: subprocess.CompletedProcess[str]) -> int:
    """Print what a command said in one piece; its exit code."""
    print(f"\n== python{version}\n{done.stdout}", flush=True)
    return done.returncode


if __name__ == "__main__":
    main()
