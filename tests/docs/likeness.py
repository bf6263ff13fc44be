"""Whether what was printed is what a page shows: `...` stands for anything, a line of its own for any lines."""

from __future__ import annotations

import re

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


def alike(place: str, shown: str, printed: str) -> None:
    """Raise `AssertionError` where they differ; spaces count as one, and every id is as good as another."""
    lines = [_line(line) for line in shown.strip().splitlines()]
    pattern = "\n".join([*lines, ""]).replace("\0\n", r"(?:[^\n]*\n)*")
    text = "".join(" ".join(_ID.sub("ID", line).split()) + "\n" for line in printed.strip().splitlines())
    assert re.fullmatch(pattern, text), f"{place} shows:\n{shown}\nand this was printed:\n{printed}"


def missing(shown: str, log: str) -> str | None:
    """The first line that is shown and not in the log, or None; several processes write it, so in any order."""
    found = [" ".join(_ID.sub("ID", line).split()) for line in log.splitlines()]
    for line in shown.strip().splitlines():
        pattern = _line(line)
        if pattern != "\0" and not any(re.fullmatch(pattern, one) for one in found):
            return line
    return None


def _line(line: str) -> str:
    line = " ".join(_ID.sub("ID", line).split())
    return "\0" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*")
