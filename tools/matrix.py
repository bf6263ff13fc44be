"""Run pytest on every supported interpreter of this machine but the one that runs this.

Arguments are pytest's. An interpreter that is not there, or cannot make environments, is named and passed
over; a failure on any of the others is the failure of all.
"""

from __future__ import annotations

import subprocess
import sys

from tools import interpreters
from tools.environment import CANNOT, ROOT


def main() -> None:
    """Test on one interpreter after the other, then say how each ended."""
    here = interpreters.running()
    outcomes = {version: _test(version, sys.argv[1:]) for version in interpreters.SUPPORTED if version != here}
    print("\nother interpreters:")
    for version, outcome in outcomes.items():
        print(f"  python{version}: {outcome}")
    sys.exit(any(outcome == "failed" for outcome in outcomes.values()))


def _test(version: str, arguments: list[str]) -> str:
    path = interpreters.find(version)
    if path is None:
        return "not found"
    print(f"\n== python{version} ({path})", flush=True)
    directory = f".venv-{version}"
    make = [path, "-m", "tools.environment", directory, "requirements/dev.txt", "--editable"]
    made = subprocess.run(make, cwd=ROOT, check=False).returncode
    if made == CANNOT:
        return "found, but it cannot make environments"
    test = [f"{directory}/bin/python", "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    passed = not made and not subprocess.run(test, cwd=ROOT, check=False).returncode
    return "passed" if passed else "failed"


if __name__ == "__main__":
    main()
