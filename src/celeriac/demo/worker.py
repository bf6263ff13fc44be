"""The real worker beside the demo: a process of its own, that is gone when the demo ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from celeriac.demo.app import BROKER_VARIABLE, QUEUE

_STOP_SECONDS = 15.0


class WorkerFailed(Exception):
    """The worker ended by itself, or not in order; the message is what it said."""


class Worker:
    """`celeriac worker` with two children; a context manager. What it prints goes to a file."""

    def __init__(self, broker: str, log: Path, concurrency: int = 2) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "celeriac", "-A", "celeriac.demo.app", "worker"]
                + ["-c", str(concurrency), "-Q", QUEUE, "-n", f"demo-{os.getpid()}@%h"],
                env={**os.environ, BROKER_VARIABLE: broker},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C ends the demo, and the demo ends the worker.
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise `WorkerFailed` when it is not there any more."""
        if self._process.poll() is not None:
            raise WorkerFailed(self._story(f"it ended with code {self._process.returncode}"))

    def stop(self) -> None:
        """End it in order, or raise `WorkerFailed`."""
        self._process.terminate()
        try:
            code = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise WorkerFailed(self._story(f"it did not end within {_STOP_SECONDS:g} s")) from None
        if code:
            raise WorkerFailed(self._story(f"it ended with code {code}"))

    def _story(self, end: str) -> str:
        return f"the worker failed: {end}\n{self._log.read_text(errors='replace')}"

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
