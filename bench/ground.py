"""The ground that all runs share: one server, one folder, and how programs are started on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from bench.contestants import Contestant
from bench.failure import RunFailed
from bench.marks import VARIABLE, Marks
from bench.proc import Program
from bench.server import BenchServer

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 60.0
"""A worker in which nothing happens for so long has failed."""

_PRODUCER_SECONDS = 300.0


class Ground:
    """One server and one folder; the folder's device takes the logs of all workers, and SQLite's file."""

    def __init__(self, server: BenchServer, folder: Path, ours: str, peers: str) -> None:
        self.server = server
        self.folder = folder
        self._ours, self._peers = ours, peers

    def lay_out(self, contestant: Contestant, count: int, *, results: bool, waited_for: bool = False) -> Plot:
        """Clean up, refuse if somebody else is on the server, and make room for a run of `count` tasks."""
        self.server.prepare()
        shutil.rmtree(self.database.parent, ignore_errors=True)
        self.database.parent.mkdir()
        marks = Marks.create(self.folder / "marks", count)
        url = f"sqlite:///{self.database}" if contestant.on_sqlite else self.server.url
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            "BENCH_URL": url,
            "BENCH_RESULTS": "1" if results else "0",
            "BENCH_WAITED_FOR": "1" if waited_for else "0",
            VARIABLE: str(self.folder / "marks"),
        }
        return Plot(self, contestant, marks, contestant.python(self._ours, self._peers), environment)

    @property
    def database(self) -> Path:
        """SQLite's file, in a folder that each run finds empty."""
        return self.folder / "store" / "tasks.db"


class Plot:
    """What one run of one contestant needs."""

    def __init__(
        self, ground: Ground, contestant: Contestant, marks: Marks, python: str, environment: dict[str, str]
    ) -> None:
        self.server = ground.server
        self.database = ground.database
        self.contestant = contestant
        self.marks = marks
        self._folder = ground.folder
        self._python = python
        self._environment = environment

    def produce(self, mode: str, count: int, *task: str) -> dict[str, Any]:
        """Run `bench.producer` in the system's own environment; what it said. Raises `RunFailed`."""
        said = self.run(["-m", "bench.producer", self.contestant.app, mode, str(count), *task])
        figures: dict[str, Any] = json.loads(said.splitlines()[-1])
        return figures

    def run(self, arguments: list[str]) -> str:
        """Run its interpreter with these arguments to the end; what it printed. Raises `RunFailed`.

        Byte code is written, as it is where a package is installed.
        """
        command = [self._python, *arguments]
        environment = {name: value for name, value in self._environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_PRODUCER_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise RunFailed(str(late)) from late
        if done.returncode:
            raise RunFailed(f"{' '.join(command)}:\n{done.stderr[-2000:]}")
        return done.stdout

    def worker(self, slots: int) -> Program:
        """Its worker, not yet started."""
        return self.program(self.contestant.worker(slots))

    def program(self, arguments: list[str]) -> Program:
        """Its interpreter with these arguments, not yet started; the log is a file of the folder."""
        log = self._folder / "worker.log"
        return Program([self._python, *arguments], self._environment, ROOT, log, self.contestant.stop_signal)
