"""The demo from beginning to end: start a worker, send the tasks, kill a child, gather, compare."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import msgspec

from celeriac.demo.analysis import ModuleFigures
from celeriac.demo.app import QUEUE, Analysed, analyse_module, app, planned_failures
from celeriac.demo.library import find_sources
from celeriac.demo.progress import Progress
from celeriac.demo.report import describe, differing, summarise
from celeriac.demo.worker import Worker
from celeriac.result import gather
from celeriac.stores.contract import Stats

_LOOK_SECONDS = 0.05


class Demo:
    """One run over the modules of `library`; what it needs on disk goes into `folder`."""

    def __init__(self, broker: str, library: Path, folder: Path) -> None:
        self._broker = app.conf.broker_url = broker
        self._library = library
        self._log = folder / "worker.log"
        self._meet = folder / "meet"
        self._sources = find_sources(library)
        self._killed = 0
        self._progress = Progress(len(self._sources))

    def run(self) -> bool:
        """Do it all; whether the result is what a plain loop finds too."""
        print(f"{len(self._sources):,} modules of {self._library}, one task each, through {self._broker}", flush=True)
        with app, Worker(self._broker, self._log) as worker:
            started = app.clock.monotonic()
            results = analyse_module.delay_many(self._arguments())
            self._follow(worker, started)
            seconds = app.clock.monotonic() - started
            analysed = [msgspec.convert(value, Analysed) for value in gather(results)]
            worker.stop()
        self._tell(analysed, seconds)
        return self._check([one.figures for one in analysed])

    def _arguments(self) -> list[tuple[str, str, str | None]]:
        """One call a module; that of a module in the middle waits to be killed."""
        calm = [source.module for source in self._sources if not planned_failures(source.module)]
        draining = calm[len(calm) // 2] if calm else None
        return [(s.module, str(s.path), str(self._meet) if s.module == draining else None) for s in self._sources]

    def _follow(self, worker: Worker, started: float) -> None:
        """Show how far it is until nothing is left, and kill a child when one is ready for it."""
        left = len(self._sources)
        while left:
            worker.check()
            if not self._killed:
                self._kill_who_waits()
            (queue,) = app.store.run(Stats((QUEUE,)))
            left = queue.ready + queue.delayed + queue.claimed
            self._progress.show(len(self._sources) - left, app.clock.monotonic() - started)
            time.sleep(_LOOK_SECONDS)
        self._progress.end()

    def _kill_who_waits(self) -> None:
        pid = self._meet.read_text() if self._meet.exists() else ""
        if pid.endswith("\n"):
            self._killed = int(pid)
            os.kill(self._killed, signal.SIGKILL)
            self._progress.say(f"process {self._killed} killed with SIGKILL in the middle of a task")

    def _tell(self, analysed: list[Analysed], seconds: float) -> None:
        """What was found, and what it took."""
        retries = sum(one.retries for one in analysed)
        recovered = sum(one.crashes > 0 for one in analysed)
        print(f"\n{describe(summarise(one.figures for one in analysed))}\n")
        print(f"{len(analysed):,} tasks in {seconds:.1f} s, {len(analysed) / seconds:,.0f} a second")
        print(f"{retries} retries of tasks that failed on purpose")
        print(f"{recovered} recovered from the kill of a process", flush=True)

    def _check(self, found: list[ModuleFigures]) -> bool:
        """Whether a plain loop in this process comes to the same."""
        started = app.clock.monotonic()
        expected = [source.read() for source in self._sources]
        seconds = app.clock.monotonic() - started
        differences = differing(found, expected)
        if differences or summarise(found) != summarise(expected):
            print(f"WRONG: a plain loop finds something else for {', '.join(differences)}")
            return False
        print(f"right: a plain loop finds the same, in {seconds:.1f} s")
        return True
