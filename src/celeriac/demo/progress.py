"""How far it is: one line that changes on a terminal, a line every tenth elsewhere."""

from __future__ import annotations

import sys
from typing import TextIO

_WIDTH = 30


class Progress:
    """Shows how many of `total` are done."""

    def __init__(self, total: int, output: TextIO = sys.stdout) -> None:
        self._total = total
        self._output = output
        self._changing = output.isatty()
        self._shown = -1

    def show(self, done: int, seconds: float) -> None:
        """So many are done after so many seconds."""
        line = f"{done:>6,} of {self._total:,} analysed, {done / max(seconds, 0.001):,.0f} a second"
        if self._changing:
            filled = _WIDTH * done // max(self._total, 1)
            self._output.write(f"\r\x1b[2K[{'#' * filled}{'.' * (_WIDTH - filled)}]{line}")
            self._output.flush()
        elif (tenth := 10 * done // max(self._total, 1)) > self._shown:
            self._shown = tenth
            print(line, file=self._output, flush=True)

    def say(self, text: str) -> None:
        """Something worth a line of its own, that stays."""
        start = "\r\x1b[2K" if self._changing else ""
        print(start + text, file=self._output, flush=True)

    def end(self) -> None:
        """No more is to come."""
        if self._changing:
            print(file=self._output, flush=True)
