"""A user's project on disk, and the command run in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tests.guard import Guard

SOURCE = """
import os
from pathlib import Path

from celeriac import Celeriac

app = Celeriac("proj", broker=os.environ["BROKER"])


@app.task
def add(x, y):
    return x + y


@app.task
def fail(text):
    raise ValueError(text)


@app.task(queue="aside")
def elsewhere():
    return elsewhere.request.delivery_info["routing_key"]


@app.task
def whoami():
    return whoami.request.hostname


@app.task
def hold(begun, until):
    Path(begun).write_text("begun")
    return Path(until).read_text()
"""


@dataclass(frozen=True)
class Project:
    """A folder with the module `proj`, whose app uses `broker`."""

    folder: Path
    broker: str

    @classmethod
    def make(cls, folder: Path, broker: str) -> Project:
        """Write it."""
        (folder / "proj.py").write_text(SOURCE)
        return cls(folder, broker)

    def run(
        self, *arguments: str, app: str | None = "proj", environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; `-A` goes in front."""
        return subprocess.run(
            self._command(app, *arguments),
            cwd=self.folder,
            env={**self._environment(), **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )

    def prints(self, *arguments: str) -> str:
        """What a command that succeeds prints."""
        done = self.run(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.strip()

    def worker(self, *options: str, app: str = "proj", before: Sequence[str] = ()) -> RunningWorker:
        """Start a worker with INFO lines, in a process group of its own; `before` are options before the command."""
        return RunningWorker(self.start("-A", app, *before, "worker", "-c", "1", "-l", "info", *options))

    def start(
        self, *arguments: str, stderr: int = subprocess.PIPE, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            self._command(None, *arguments),
            cwd=self.folder,
            env={**self._environment(), **(environment or {})},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )

    def spelled(self, app: str | None, *arguments: str) -> tuple[list[str], dict[str, str]]:
        """A command and its environment, for who starts it otherwise."""
        return self._command(app, *arguments), self._environment()

    def _command(self, app: str | None, *arguments: str) -> list[str]:
        named = [] if app is None else ["-A", app]
        return [sys.executable, "-m", "celeriac", *named, *arguments]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "BROKER": self.broker}


class RunningWorker:
    """A worker and what it says; a context manager that leaves nothing behind."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._guard = Guard(process.pid)
        assert process.stderr is not None
        self._stderr: IO[str] = process.stderr
        self.said = ""

    @property
    def pid(self) -> int:
        """Of the launcher."""
        return self._process.pid

    def wait_for(self, text: str) -> str:
        """Read what it says up to the line with this text, and return that line."""
        for line in self._stderr:
            self.said += line
            if text in line:
                return line
        raise AssertionError(f"the worker ended and never said {text!r}:\n{self.said}")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, as `kill` does."""
        self._process.send_signal(number)

    def send_to_group(self, number: signal.Signals) -> None:
        """Send a signal to all its processes, as a terminal does."""
        os.killpg(self._process.pid, number)

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        self.said += self._stderr.read()
        return self._process.wait()

    def stop(self) -> int:
        """End it in order; its exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.poll() is None:
            self.send_to_group(signal.SIGKILL)
            self._process.wait()
        self._guard.dismiss()
        self._stderr.close()
