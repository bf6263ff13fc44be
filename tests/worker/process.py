"""Real workers for tests: started as users start them, taken apart by pid."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from tests.guard import Guard
from tests.worker.ledger import wait_until

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 20.0


class Worker:
    """One worker: launcher, core, zygote, children. Whatever becomes of the test, all of them end with it.

    `module` is what `python -m` runs; `number` is written by the tasks into the ledger.
    """

    def __init__(
        self,
        arguments: list[str],
        log: Path,
        *,
        environment: Mapping[str, str],
        number: int = 0,
        module: str = "celeriac",
        app: str = "tests.worker.tasks",
    ) -> None:
        self.number = number
        self.log = log
        path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, "-A", app, "worker", "-n", f"w{number}@here", "-l", "INFO", *arguments],
                env={**os.environ, "PYTHONPATH": path, **environment, "TEST_WORKER": str(number)},
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
        self._guard = Guard(self.launcher)
        self._core = 0

    @property
    def launcher(self) -> int:
        """The pid of the process that was started, and the id of the group of all."""
        return self._process.pid

    @property
    def core(self) -> int:
        """The pid of the core, the launcher's first child for as long as there is one; 0 before it is forked."""
        if not self._core:
            self._core = next(iter(_children(self.launcher)), 0)
        return self._core

    @property
    def zygote(self) -> int:
        """The pid of the zygote, the launcher's other child; 0 when there is none."""
        core = self.core
        return next((pid for pid in _children(self.launcher) if pid != core and is_alive(pid)), 0)

    @property
    def zygotes(self) -> list[int]:
        """The pids of all zygotes, the newest last."""
        core = self.core
        return [pid for pid in _children(self.launcher) if pid != core and is_alive(pid)]

    @property
    def children(self) -> list[int]:
        """The pids of the children."""
        zygote = self.zygote
        return _children(zygote) if zygote else []

    def wait_ready(self, children: int) -> Self:
        """Return when it has this many children."""
        wait_until(lambda: len(self.children) >= children, START_SECONDS, f"worker with {children} children")
        return self

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to the launcher alone."""
        self._process.send_signal(number)

    def tell_all(self, number: signal.Signals) -> None:
        """Send a signal to the whole group."""
        os.killpg(self.launcher, number)

    @property
    def code(self) -> int | None:
        """Its exit code, if it has ended."""
        return self._process.poll()

    def wait(self, seconds: float = 20.0) -> int:
        """Its exit code, once it has ended."""
        code = self._process.wait(seconds)
        self._guard.dismiss()
        return code

    def stop(self, seconds: float = 20.0) -> int:
        """End it in order; its exit code."""
        self.tell(signal.SIGTERM)
        return self.wait(seconds)

    def end(self) -> None:
        """End it at once, if it is not over yet."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.tell_all(signal.SIGKILL)
        self.wait()

    def said(self, text: str) -> bool:
        """Whether its log has this in it."""
        return text.encode() in self.log.read_bytes()


def _children(pid: int) -> list[int]:
    """The children of a process, in the order in which they were forked."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat[stat.rindex(")") + 2] not in "ZX"


def is_stopped(pid: int) -> bool:
    """Whether a process is frozen, with all its threads."""
    with contextlib.suppress(OSError):
        stats = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
        return bool(stats) and all(stat[stat.rindex(")") + 2] == "T" for stat in stats)
    return False


def freeze(pid: int) -> None:
    """Stop a process; returns when it stands still."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: is_stopped(pid) or not is_alive(pid), 5, f"stop of {pid}", 0.0002)


@contextlib.contextmanager
def watch(*pids: int) -> Iterator[list[int]]:
    """Descriptors by which `wait_gone` learns of the ends of these processes."""
    descriptors: list[int] = []
    try:
        for pid in pids:
            descriptors.append(os.pidfd_open(pid))
        yield descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def wait_gone(descriptors: list[int], seconds: float) -> None:
    """Return when all these processes have ended."""
    for descriptor in descriptors:
        ready, _, _ = select.select([descriptor], [], [], seconds)
        assert ready, f"a process was still there after {seconds:g} s"
