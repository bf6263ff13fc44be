"""The other side: processes with the real Celery, and our worker beside them."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.guard import Guard

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Place:
    """The databases of one fleet: of its queues, and of its results."""

    broker: str
    results: str


class Raised(Exception):
    """What an expression raised over there: `kind` is the dotted name of the class."""

    def __init__(self, module: str, name: str, arguments: list[str], text: str) -> None:
        super().__init__(f"{module}.{name}: {text}")
        self.kind = f"{module}.{name}"
        self.arguments = arguments
        self.text = text


class RealCelery:
    """A process that evaluates expressions with the real Celery."""

    def __init__(self, python: Path, log: Path) -> None:
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [str(python), "-m", "tests.compat.fleet.answering"],
                cwd=ROOT,
                env={**os.environ, "LIBRARY": "celery", "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,
            )
        self._log = log

    def __call__(self, expression: str, place: Place, **names: object) -> Any:
        """The value of an expression over there, where `app` is the fleet's app at `place`.

        `{name}` in it stands for the value given under that name. Raises `Raised` for its exceptions.
        """
        for name, value in names.items():
            expression = expression.replace(f"{{{name}}}", repr(value))
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((expression, (place.broker, place.results)), self._process.stdin)
        self._process.stdin.flush()
        try:
            fine, value = pickle.load(self._process.stdout)
        except EOFError:
            raise AssertionError(f"the process with Celery ended:\n{self._log.read_text()}") from None
        if not fine:
            raise Raised(*value)
        return value

    def close(self) -> None:
        """End it."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        # Celery's clients that have waited for groups may hang while the interpreter ends.
        self._process.kill()
        self._process.wait()


class FleetWorker:
    """A worker of either library serving the fleet's app; a context manager that leaves nothing behind."""

    def __init__(self, command: list[str], library: str, place: Place, log: Path) -> None:
        environment = {**os.environ, "LIBRARY": library, "BROKER": place.broker, "BACKEND": place.results}
        source = [str(ROOT / "src")] if library == "celeriac" else []
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**environment, "PYTHONPATH": os.pathsep.join([str(ROOT), *source])},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._guard = Guard(self._process.pid)

    def kill(self) -> None:
        """End all its processes at once, as the loss of the machine would."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        self._guard.dismiss()


def celeriac_command(place: Place, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run our command on the fleet's app to its end."""
    environment = {"LIBRARY": "celeriac", "BROKER": place.broker, "BACKEND": place.results}
    return subprocess.run(
        [sys.executable, "-m", "celeriac", "-A", "tests.compat.fleet.app", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])},
        capture_output=True,
        text=True,
        check=False,
    )


def celeriac_worker(place: Place, log: Path, *options: str) -> FleetWorker:
    """Our worker, with two children."""
    command = [sys.executable, "-m", "celeriac", "-A", "tests.compat.fleet.app", "worker", "-c", "2", *options]
    return FleetWorker(command, "celeriac", place, log)


def celery_worker(python: Path, place: Place, log: Path, *options: str) -> FleetWorker:
    """The real Celery's prefork worker, with two children."""
    quick = ["--without-mingle", "--without-gossip", "--without-heartbeat"]
    command = [str(python), "-m", "celery", "-A", "tests.compat.fleet.app", "worker", "-c", "2", *quick, *options]
    return FleetWorker(command, "celery", place, log)
