"""`pip install` in a page: nothing is installed, but what is asked for exists."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Refuse what a reader could not install."""
    verb, *wanted = sys.argv[1:]
    if verb != "install":
        sys.exit(f"the tests know no pip {verb}")
    if wanted[0] == "-r":
        wanted = Path(wanted[1]).read_text().split()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for one in wanted:
        name, asked = re.match(r"([\w.-]+)(?:\[([\w,-]+)\])?", one).groups()  # type: ignore[union-attr]
        if name == "celeriac" and asked and not set(asked.split(",")) <= set(extras):
            sys.exit(f"no such extra: {asked}")


if __name__ == "__main__":
    main()
