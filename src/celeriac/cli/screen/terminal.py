"""The terminal: entered, painted line by line where lines have changed, read key by key, and left as it was."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import sys
import termios
import tty
from types import FrameType, TracebackType
from typing import Any, Self

from celeriac.cli.screen.frame import Line
from celeriac.cli.screen.view import Style

# Other screen, no cursor, no wrapping; and back. (ECMA-48 and xterm's control sequences)
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
_LEAVE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
_STYLES = {
    Style.PLAIN: "",
    Style.HEAD: "\x1b[1m",
    Style.CHOSEN: "\x1b[7m",
    Style.QUIET: "\x1b[2m",
    Style.ALARM: "\x1b[1;31m",
}
_KEYS = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1b[C": "right",
    "\x1b[D": "left",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1bOC": "right",
    "\x1bOD": "left",
    "\x1b[Z": "backtab",
    "\x1b[5~": "pageup",
    "\x1b[6~": "pagedown",
    "\x1b[H": "home",
    "\x1b[F": "end",
    "\x1b[1~": "home",
    "\x1b[4~": "end",
    "\x1b": "esc",
    "\t": "tab",
    "\r": "enter",
    "\n": "enter",
}
_ONE_KEY = re.compile(r"\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Z]|.", re.DOTALL)
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Terminal:
    """The terminal of this process, for the time of a `with`; whatever ends that, it is left as it was found.

    Signals that end the program and those that tell of a new size end `wait`; `ended_by` names the first of the
    former.
    """

    def __init__(self, *, colours: bool = True) -> None:
        self._styles = _STYLES if colours else {**_STYLES, Style.ALARM: _STYLES[Style.HEAD]}
        self.ended_by: signal.Signals | None = None
        self._shown: list[Line] = []
        self._size = (0, 0)

    def __enter__(self) -> Self:
        self._before = termios.tcgetattr(0)
        self._ear, self._bell = os.pipe()
        for end in (self._ear, self._bell):
            os.set_blocking(end, False)
        handled: tuple[tuple[signal.Signals, Any], ...] = (
            *((number, self._end) for number in _ENDS),
            (signal.SIGWINCH, _nothing),
        )
        self._handlers = [(number, signal.signal(number, handler)) for number, handler in handled]
        self._wakeup = signal.set_wakeup_fd(self._bell, warn_on_full_buffer=False)
        tty.setcbreak(0, termios.TCSADRAIN)
        self._forbid_suspending()
        self._write(_ENTER)
        return self

    def _forbid_suspending(self) -> None:
        """Ctrl-Z would leave the shell with this screen."""
        now = termios.tcgetattr(0)
        now[6][termios.VSUSP] = b"\0"
        termios.tcsetattr(0, termios.TCSADRAIN, now)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._handlers:
            signal.signal(number, handler)
        with contextlib.suppress(OSError, termios.error):  # the terminal may be gone
            self._write(_LEAVE)
            termios.tcsetattr(0, termios.TCSAFLUSH, self._before)
        bell, self._bell = self._bell, -1
        os.close(self._ear)
        os.close(bell)

    def _end(self, number: int, at: FrameType | None) -> None:
        self.ended_by = self.ended_by or signal.Signals(number)

    def ring(self) -> None:
        """Make `wait` return; from any thread."""
        with contextlib.suppress(OSError):  # it rings already, or nobody waits any more
            os.write(self._bell, b"\0")

    def size(self) -> tuple[int, int]:
        """Columns and lines; the usual ones of a terminal that does not know its own."""
        columns, lines = os.get_terminal_size(1)
        return columns or 80, lines or 24

    def wait(self) -> list[str]:
        """Sleep until a key is pressed, the size changes, a signal comes or somebody rings; the keys."""
        readable, _, _ = select.select((0, self._ear), (), ())
        if self._ear in readable:
            os.read(self._ear, 4096)
        if 0 not in readable:
            return []
        try:
            text = os.read(0, 1024).decode(errors="replace")
        except OSError:
            text = ""
        if not text:
            self.ended_by = self.ended_by or signal.SIGHUP
        return [_KEYS.get(key, key) for key in _ONE_KEY.findall(text)]

    def paint(self, lines: list[Line], size: tuple[int, int]) -> None:
        """Show these lines: only those that differ from what is shown are written, all of them at once."""
        parts: list[str] = []
        if size != self._size:
            self._size, self._shown = size, []
            parts.append("\x1b[2J")
        for number, line in enumerate(lines):
            if number >= len(self._shown) or self._shown[number] != line:
                parts.append(f"\x1b[{number + 1};1H{self._styles[line.style]}{line.text}\x1b[0m\x1b[K")
        self._shown = lines
        if parts:
            self._write("".join(parts))

    def _write(self, text: str) -> None:
        data = text.encode(sys.stdout.encoding or "utf-8", "replace")
        while data:
            data = data[os.write(1, data) :]


def _nothing(number: int, at: FrameType | None) -> None:
    """The pipe has been written to, and that is all."""
