"""Runs a session of a worker and an operator in two terminals, and draws it as docs/_static/session.svg.

python -m tools.recording          runs it anew

Everything in the picture was printed by the programs, and stands at the moment at which it was; only the folder is
shown as `~/shop`, and long waits are shortened.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tools.terminal import Line, Pane, draw

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "_static" / "session.svg"
COLUMNS = 114

PROGRAM = """\
import os
import signal

from celeriac import Celeriac

app = Celeriac("shop", worker_log_format="%(levelname)-6s %(message)s")


@app.task
def ship(order: int) -> str:
    return f"order {order} shipped"


@app.task
def draw(picture: str) -> str:
    if picture == "broken.png":
        os.kill(os.getpid(), signal.SIGKILL)
    return f"{picture} drawn"
"""
WORKER = "celeriac -A shop worker --concurrency 2 --loglevel INFO --hostname worker@shop"
COMMANDS = (
    "celeriac -A shop call shop.ship --args '[7]'",
    "celeriac -A shop result ID --timeout 10",
    "celeriac -A shop explain ID",
    "# this picture kills whoever draws it",
    "celeriac -A shop call shop.draw --args '[\"broken.png\"]'",
    "celeriac -A shop result ID --timeout 10 2>/dev/null",
    "celeriac -A shop explain ID",
    "celeriac -A shop dead replay ID --args '[\"whole.png\"]'",
    "celeriac -A shop result ID --timeout 10",
    "celeriac -A shop queues",
)
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_READY = "Ready in"


class Terminal:
    """A terminal of its own for each program, and what came out of it when."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.lines: list[Line] = []
        self._came = threading.Condition()

    def say(self, text: str) -> None:
        """A line that somebody typed."""
        self._put(f"\x1b[1;32m$\x1b[0m \x1b[1m{text}\x1b[0m" if text[0] != "#" else f"\x1b[90m{text}\x1b[0m")

    def start(self, command: str) -> tuple[subprocess.Popen[bytes], threading.Thread]:
        """Run a command, and take down what it prints until it ends."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        line = command.replace("celeriac", f"{sys.executable} -m celeriac", 1)
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {line}"],
            cwd=self._folder,
            env=os.environ | {"CELERIAC_DIR": str(self._folder), "TERM": "xterm", "COLUMNS": str(COLUMNS)},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        reader = threading.Thread(target=self._read, args=(ours,), daemon=True)
        reader.start()
        return process, reader

    def run(self, command: str) -> str:
        """Type a command and wait for its end; the text that it printed."""
        self.say(command)
        if command.startswith("#"):
            return ""
        before = len(self.lines)
        process, reader = self.start(command)
        process.wait(30)
        reader.join(5)
        return "\n".join(line.text for line in self.lines[before:])

    def wait_for(self, word: str) -> None:
        """Until a line has it; raises `TimeoutError` after 20 seconds."""
        with self._came:
            if not self._came.wait_for(lambda: any(word in line.text for line in self.lines), 20):
                raise TimeoutError(f"never said: {word}")

    def _read(self, fd: int) -> None:
        # A read of a terminal whose other end is gone fails; that is its end.
        with contextlib.suppress(OSError), open(fd, newline="\n", errors="replace") as source:
            for line in source:
                self._put(line.rstrip("\r\n").replace(str(self._folder), "~/shop"))

    def _put(self, text: str) -> None:
        with self._came:
            self.lines.append(Line(time.monotonic(), text))
            self._came.notify_all()


@contextlib.contextmanager
def _worker(folder: Path) -> Iterator[Terminal]:
    terminal = Terminal(folder)
    terminal.say(WORKER)
    process, reader = terminal.start(WORKER)
    try:
        terminal.wait_for(_READY)
        yield terminal
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        reader.join(5)


def record(folder: Path, commands: tuple[str, ...] = COMMANDS) -> list[Pane]:
    """Run it in a folder: what the worker's terminal and the operator's show."""
    (folder / "shop.py").write_text(PROGRAM)
    with _worker(folder) as worker:
        operator, id = Terminal(folder), ""
        for command in commands:
            printed = operator.run(re.sub(r"\bID\b", id, command))
            id = next(iter(_ID.findall(printed)), id)
        shown = list(worker.lines)
    return [Pane("worker", shown), Pane("operator", operator.lines)]


def main() -> None:
    """Run it, and write the picture."""
    with tempfile.TemporaryDirectory() as name:
        panes = record(Path(name))
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(draw(panes, COLUMNS))


if __name__ == "__main__":
    main()
