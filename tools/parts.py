"""Run the tests in parts, side by side: they wait more than they work, for leases, for kills, for children.

Arguments are pytest's; where they name tests, these alone are run, in one piece. Each part is a pytest of its own,
with servers of its own. Lines are printed as they come, each with the name of its part; what failed is told once
more at the end, where it is found even if only the end of all this is kept.
"""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

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
        ends = list(pool.map(lambda name: _test(name, parts[name], arguments), parts))
    failed = [end for end in ends if end.code not in (0, _NOTHING_CHOSEN)]
    for end in failed:
        print(f"\n{end.part} ended with {end.code}:", *(end.failures or end.last), sep="\n  ")
    sys.exit(bool(failed))


_NOTHING_CHOSEN = 5
"""pytest's exit code for a part of which nothing was asked for (`-k`, `-m`)."""


@dataclass(slots=True)
class End:
    """How a part ended: pytest's exit code, what failed and the first line of why, and its last lines."""

    part: str
    code: int = 0
    failures: list[str] = field(default_factory=list)
    last: deque[str] = field(default_factory=lambda: deque(maxlen=8))

    def read(self, lines: Iterable[str]) -> None:
        """Print what comes and keep what tells of failures."""
        for line in lines:
            print(f"{self.part:>6} | {line}", end="", flush=True)
            reason = line.startswith("E  ") and not (self.last and self.last[-1].startswith("E  "))
            if reason or line.startswith(("FAILED ", "ERROR ")):
                self.failures.append(line.rstrip())
            self.last.append(line.rstrip())


def split(names: list[str]) -> dict[str, list[str]]:
    """What is in the folder of tests, each in one part: folders and modules with tests."""
    tests = [name for name in sorted(names) if name[0] not in "._" and (name[:5] == "test_" or "." not in name)]
    taken = {folder for folders in LONG.values() for folder in folders}
    parts = {part: [name for name in tests if name in folders] for part, folders in LONG.items()}
    return {**parts, "others": [name for name in tests if name not in taken]}


def _test(part: str, names: list[str], arguments: list[str]) -> End:
    paths = [f"tests/{name}" for name in names]
    command = [sys.executable, "-m", "pytest", "-o", f"cache_dir=.pytest_cache/{part}", *arguments, *paths]
    end = End(part)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        end.read(process.stdout)
    end.code = process.returncode
    return end


if __name__ == "__main__":
    main()
