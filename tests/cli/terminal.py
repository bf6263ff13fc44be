"""A command in a real terminal: a pseudo-terminal, and an emulator that knows what is on its screen."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import pyte

from tests.guard import Guard

DEADLINE_SECONDS = 30.0


class Terminal:
    """A command that runs in a terminal of so many columns and lines; a context manager that leaves nothing behind."""

    def __init__(self, command: list[str], *, columns: int = 150, lines: int = 40, **options: Any) -> None:
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self.written = bytearray()
        self._master, slave = pty.openpty()
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self._set_size(columns, lines)
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - one ioctl, which takes no lock
            **options,
        )
        self._guard = Guard(self.process.pid)

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns: int, lines: int) -> None:
        """Give it another size, as a window manager does."""
        self._screen.resize(lines, columns)
        self._set_size(columns, lines)

    def press(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def read(self, seconds: float) -> bool:
        """Take in what it writes within so many seconds; False at the end."""
        if not select.select([self._master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:
            return False
        self.written += data
        self._stream.feed(data)
        return True

    @property
    def lines(self) -> list[str]:
        """What is on the screen."""
        return [line.rstrip() for line in self._screen.display]

    def line(self, text: str) -> str:
        """The first line with this text; empty where there is none."""
        return next((line for line in self.lines if text in line), "")

    def wait_until(self, true: Callable[[], Any], what: str, seconds: float = DEADLINE_SECONDS) -> None:
        """Look at the screen as it changes until it shows something."""
        ends = time.monotonic() + seconds
        while not true():
            if time.monotonic() > ends or self.process.poll() is not None:
                screen = "\n".join(self.lines)
                raise AssertionError(f"{what}: not on the screen (exit code {self.process.poll()})\n{screen}")
            self.read(0.1)

    def wait_for(self, *texts: str, seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until all these texts are on the screen, each on one line."""
        self.wait_until(lambda: all(self.line(text) for text in texts), f"{texts}", seconds)

    def wait_without(self, text: str, seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until a text is on the screen no more."""
        self.wait_until(lambda: not self.line(text), f"no {text!r}", seconds)

    def end(self) -> int:
        """Its exit code, once it has ended and all it wrote was taken in."""
        ends = time.monotonic() + DEADLINE_SECONDS
        while self.process.poll() is None and time.monotonic() < ends:
            self.read(0.1)
        code = self.process.wait(1)
        # What it wrote last may take the kernel a moment to pass on.
        while select.select([self._master], [], [], 0.2)[0] and self.read(0):
            pass
        return code

    def is_clean(self) -> bool:
        """Whether the terminal is as it was: its modes, its own screen, its cursor."""
        left = bytes(self.written[self.written.rfind(b"\x1b[?1049h") :])
        restored = all(code in left for code in (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?7h"))
        return restored and termios.tcgetattr(self.slave) == self.before

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._guard.dismiss()
        os.close(self._master)
        os.close(self.slave)


def _take_terminal() -> None:
    """Ctrl-C and new sizes come as signals to whoever a terminal belongs to."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
