"""Run the tests in parts, side by side: they wait more than they work, for leases, for kills, for children.

Arguments are pytest's; where they name tests, these alone are run, in one piece. Each part is a pytest of its own,
with servers of its own. Lines are printed as they come, each with the name of its part.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from tools.environment import ROOT

LONG = {"worker": ("worker",), "stores": ("bad_input", "chaos", "simulation", "stores")}
"""The parts with folders of their own, by name; the last part, `others`, is all the rest."""


def main() -> None:
    """Exit 1 if any part has failed."""
    arguments = sys.argv[1:]
    if any((ROOT / argument.partition("::")[0]).exists() for argument in arguments):
        sys.exit(subprocess.call([sys.executable, "-m", "pytest", *arguments], cwd=ROOT))
    parts = split([path.name for path in ROOT.joinpath("tests").iterdir()])
    with ThreadPoolExecutor(len(parts)) as pool:
        codes = list(pool.map(lambda name: _test(name, parts[name], arguments), parts))
    sys.exit(any(code not in (0, _NOTHING_CHOSEN) for code in codes))


_NOTHING_CHOSEN = 5
"""pytest's exit code for a part of which nothing was asked for (`-k`, `-m`)."""


def split(names: list[str]) -> dict[str, list[str]]:
    """What is in the folder of tests, each in one part: folders and modules with tests."""
    tests = [name for name in sorted(names) if name[0] not in "._" and (name[:5] == "test_" or "." not in name)]
    taken = {folder for folders in LONG.values() for folder in folders}
    parts = {part: [name for name in tests if name in folders] for part, folders in LONG.items()}
    return {**parts, "others": [name for name in tests if name not in taken]}


def _test(part: str, names: list[str], arguments: list[str]) -> int:
    """One part; its exit code."""
    paths = [f"tests/{name}" for name in names]
    command = [sys.executable, "-m", "pytest", "-o", f"cache_dir=.pytest_cache/{part}", *arguments, *paths]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(f"{part:>6} | {line}", end="", flush=True)
    return process.returncode


if __name__ == "__main__":
    main()
