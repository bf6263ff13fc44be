"""Programs that the bench starts, with all that they start: what they use, and their certain end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.failure import RunFailed

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_STOP_SECONDS = 10.0


class Program:
    """A program in a session of its own, its output in a file.

    `with` starts it and ends it: the stop signal first, and after ten seconds SIGKILL for what is left of its
    session. Should this process be killed, a shell that waits for that kills the session.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
        log: Path,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self._command = list(command)
        self._environment = dict(environment)
        self._directory = directory
        self._log = log
        self._stop_signal = stop_signal
        self.started_at = 0.0

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self.started_at = time.monotonic()
            self._process = subprocess.Popen(
                self._command,
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._guard = _guard(self._process.pid)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if self._process.poll() is None and kind is None:
                self._process.send_signal(self._stop_signal)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_STOP_SECONDS)
        finally:
            self._kill()

    def _kill(self) -> None:
        while pids := session_members(self._process.pid):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.poll()
            time.sleep(0.01)
        self._process.wait()
        self._guard.kill()
        self._guard.communicate()

    def check(self) -> None:
        """Raise `RunFailed` if it runs no more."""
        if self._process.poll() is not None:
            raise RunFailed(f"{' '.join(self._command)} ended with {self._process.returncode}:\n{self.last_lines()}")

    def last_lines(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-2000:]

    def cpu_seconds(self) -> float:
        """What the processes of its session have used so far, in user and kernel mode."""
        return sum(cpu_seconds(pid) for pid in session_members(self._process.pid))

    def memory_mb(self) -> float:
        """What they occupy, each shared page divided among those who share it (PSS), in 10^6 bytes."""
        return sum(_pss_bytes(pid) for pid in session_members(self._process.pid)) / 1e6


def session_members(session: int) -> list[int]:
    """The processes of a session, zombies left out."""
    pids = [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]
    return [pid for pid in pids if (fields := _stat(pid)) and fields[3] == str(session) and fields[0] != "Z"]


def cpu_seconds(pid: int) -> float:
    """What one process has used, in user and kernel mode, to a hundredth of a second; 0 when it is gone."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND if fields else 0.0


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on (proc(5)); empty when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()


def _pss_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def _guard(group: int) -> subprocess.Popen[bytes]:
    """A shell that kills the process group when this process is gone: its input closes then."""
    return subprocess.Popen(
        ["/bin/sh", "-c", 'read -r _; kill -9 -- "-$1"', "guard", str(group)],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
