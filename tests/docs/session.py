"""A reader who does what a page says, from top to bottom: one folder, one shell, one Python, workers beside them."""

from __future__ import annotations

import configparser
import json
import os
import re
import stat
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from tests.docs.blocks import PARSED, ROOT, SHOWN, Block
from tests.docs.likeness import alike, missing
from tests.guard import Guard
from tests.worker.ledger import wait_until
from tools.servers.port import free_port, listens

MARKER = "--- that was all of it ---"
REDIS = "redis://localhost:6379/0"
PORTS = ("8000", "8080")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_STAYS = re.compile(r"celeriac( -A \S+)? worker\b(?!.*--help)|uvicorn |flask .*\brun\b|python manage.py runserver")
_PROGRAMS = {
    "celeriac": 'exec "{python}" -m celeriac "$@"',
    "python": 'exec "{python}" "$@"',
    "uvicorn": 'exec "{python}" -m uvicorn "$@"',
    "pip": 'exec "{own}" "{root}/tests/docs/pip.py" "$@"',
}


class Programme:
    """A process that does one thing after another, and prints the marker with a number after each."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self._errors = (folder.parent / "errors").open("a")
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )
        self._guard = Guard(self._process.pid)

    def do(self, line: str) -> tuple[str, int]:
        """What it printed, and the number."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        printed: list[str] = []
        for found in self._process.stdout:
            said, marked, number = found.partition(MARKER)
            if marked:
                return "".join([*printed, said]), int(number)
            printed.append(found)
        raise AssertionError("it ended: " + "".join(printed))

    def end(self) -> None:
        """End it, as closing its input does."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()
        self._errors.close()
        self._guard.dismiss()


@dataclass(frozen=True)
class _Running:
    """A program that stays, and what the page shows of what it prints."""

    line: str
    pid: int
    log: Path
    shown: str
    guard: Guard

    def wait(self) -> None:
        """Until it has printed all that the page shows."""
        for _ in range(400):
            lacking = missing(self.shown, self.log.read_text())
            if lacking is None:
                return
            time.sleep(0.05)
        raise AssertionError(f"`{self.line}` did not print `{lacking}`:\n{self.log.read_text()}")


class Session:
    """Does the blocks of one page. Raises `AssertionError` where something is other than the page says."""

    def __init__(self, folder: Path, python: str, new_redis_url: Callable[[], str]) -> None:
        self.folder = folder
        self._home = folder / "home"
        self._home.mkdir()
        self._python = python
        self._new_redis_url = new_redis_url
        self._said: dict[str, str] = {}
        self._environment = self._surroundings()
        self._shell = Programme(["bash"], self._home, self._environment)
        self._interpreter: Programme | None = None
        self._running: list[_Running] = []
        self._printed, self._last = "", ""

    def _surroundings(self) -> dict[str, str]:
        """Those of a user who has Celeriac installed, and nothing set."""
        programs = self.folder / "bin"
        programs.mkdir()
        for name, line in _PROGRAMS.items():
            program = programs / name
            program.write_text(f"#!/bin/sh\n{line.format(python=self._python, own=sys.executable, root=ROOT)}\n")
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CELERIAC_", "CELERY_"))}
        return inherited | {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "src"),
            "PYTEST_ADDOPTS": "-p no:cacheprovider",
            "CELERIAC_RUNTIME_DIR": str(self.folder),
        }

    def do(self, block: Block) -> None:
        """What the page says here."""
        if block.excuse:
            return
        text = self._here(block.text)
        if block.file:
            self._write(block, block.file, text)
        elif block.language == "python":
            self._run(block, text)
        elif block.language == "console":
            self._command(block, text)
        elif block.language == SHOWN:
            alike(str(block), text, self._printed)
        if block.language in PARSED:
            parse(block.language, text)

    def _here(self, text: str) -> str:
        """With servers and ports of this run in the place of the usual ones."""
        for usual in [REDIS] * (REDIS in text) + [port for port in PORTS if f":{port}" in text or f" {port}" in text]:
            if usual not in self._said:
                self._said[usual] = self._new_redis_url() if usual == REDIS else str(free_port())
            text = text.replace(usual, self._said[usual])
        return text

    def _write(self, block: Block, name: str, text: str) -> None:
        """A file of the page; a module at the top is imported, so that no block is only written."""
        path = Path(self._shell.do(f"pwd; echo '{MARKER} 0'")[0].strip()) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if self._interpreter:
            self._interpreter.end()
            self._interpreter = None
        if block.language == "python" and re.fullmatch(r"[a-z_]+\.py", name):
            self._run(block, f"import {name.removesuffix('.py')}")

    def _run(self, block: Block, text: str) -> None:
        if self._interpreter is None:
            here = Path(self._shell.do(f"pwd; echo '{MARKER} 0'")[0].strip())
            command = [self._python, str(ROOT / "tests" / "docs" / "interpreter.py"), MARKER]
            self._interpreter = Programme(command, here, self._environment)
        printed, failed = self._interpreter.do(json.dumps([str(block), text]))
        assert failed == block.exit_code, f"{block}:\n{printed}"
        self._note(printed)

    def _command(self, block: Block, text: str) -> None:
        parts = re.split(r"^\$ (.*(?:\n> .*)*)\n?", text, flags=re.MULTILINE)
        assert not parts[0], f"{block}: a command begins with `$ `"
        commands = [(line.replace("\n> ", "\n"), shown) for line, shown in zip(parts[1::2], parts[2::2], strict=True)]
        for number, (line, shown) in enumerate(commands, 1):
            line = re.sub(r"\bID\b", self._last, line)
            if _STAYS.match(line):
                self._start(line, shown)
                continue
            code = f"{{ {line}\n}} 2>&1; _code=$?; echo '{MARKER}' $_code; (exit $_code)"
            printed, ended = self._shell.do(code)
            asked_next = number < len(commands) and "$?" in commands[number][0]
            wanted = block.exit_code if number == len(commands) else 0
            assert asked_next or ended == wanted, f"{block}: `{line}` ended with {ended}:\n{printed}\n{self._logs()}"
            if shown:
                alike(f"{block}: `{line}`", shown, printed)
            self._note(printed)

    def _note(self, printed: str) -> None:
        self._printed = printed
        self._last = next(iter(_ID.findall(printed)), self._last)

    def _start(self, line: str, shown: str) -> None:
        """A program that stays, until the page ends; what it prints is compared then."""
        log = self.folder / f"log-{len(self._running)}"
        printed, _ = self._shell.do(f"setsid {line} >{log} 2>&1 & echo $!; echo '{MARKER} 0'")
        self._running.append(_Running(line, int(printed), log, shown, Guard(int(printed))))
        port = re.search(r"(?:port|--noreload) (\d+)", line)
        if port:
            wait_until(lambda: listens(int(port[1])), 20, line)

    def _logs(self) -> str:
        """The end of what each worker said."""
        return "\n".join(line for one in self._running for line in one.log.read_text().splitlines()[-30:])

    def end(self) -> None:
        """Stop what stays, as an operator does; a worker ends with 0, and its log has what the page shows."""
        # One that is told to stop before it listens to signals is killed by them.
        workers = sum(" worker" in one.line for one in self._running)
        wait_until(lambda: len(list(self.folder.glob("*.sock"))) >= workers, 20, "all workers")
        while self._running:
            one = self._running[-1]
            one.wait()
            _, code = self._shell.do(f"kill {one.pid}; wait {one.pid}; echo '{MARKER}' $?")
            one.guard.dismiss()
            self._running.pop()
            assert code == 0 or " worker" not in one.line, f"`{one.line}` ended with {code}:\n{one.log.read_text()}"

    def close(self) -> None:
        """Leave nothing behind, however it went."""
        for one in self._running:
            self._shell.do(f"kill -9 -{one.pid}; wait {one.pid}; echo '{MARKER} 0'")
            one.guard.dismiss()
        if self._interpreter:
            self._interpreter.end()
            self._interpreter = None
        self._shell.end()


def parse(language: str, text: str) -> None:
    """Read it by its own rules."""
    if language == "toml":
        tomllib.loads(text)
    elif language == "json":
        json.loads(text)
    elif language == "yaml":
        list(yaml.safe_load_all(text))
    else:
        configparser.ConfigParser(strict=False, interpolation=None).read_string(text)
