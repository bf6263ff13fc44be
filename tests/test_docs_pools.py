"""The Python blocks of docs/pools.md and docs/outcomes.md run, and do what the pages say."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.guard import Guard

DOCS = Path(__file__).parent.parent / "docs"


def block(page: str) -> str:
    """The one Python block of a page."""
    (found,) = re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


@contextmanager
def worker(folder: Path, page: str, *arguments: str) -> Iterator[Path]:
    """A worker that serves the tasks of a page; gives its log."""
    (folder / "shop.py").write_text(block(page))
    command = [sys.executable, "-m", "celeriac", "-A", "shop", "worker", "-l", "INFO", *arguments]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment(folder), stderr=log, start_new_session=True)
    guard = Guard(process.pid)
    try:
        yield folder / "log"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        guard.dismiss()


def environment(folder: Path) -> dict[str, str]:
    """That of everybody in a folder."""
    return {**os.environ, "CELERIAC_DIR": str(folder)}


def ask(folder: Path, program: str) -> str:
    """What a program prints that calls the tasks."""
    command = [sys.executable, "-c", f"from shop import *\n{program}"]
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("arguments", [(), ("--pool", "threads", "--concurrency", "50")])
def test_three_pools_side_by_side(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with worker(tmp_path, "pools.md", *arguments):
        program = "print([call.get(timeout=20) for call in (greet.delay('you'), load.delay([1, 2]), price.delay(4))])"
        assert ask(tmp_path, program) == "['hello you', 2, 8]\n"


def test_the_command_of_the_page_is_understood() -> None:
    (command,) = re.findall(r"^\$ celeriac (.*)$", (DOCS / "pools.md").read_text(), re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-m", "celeriac", *command.split(), "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0


def test_each_task_of_the_page_ends_as_it_says(tmp_path: Path) -> None:
    program = """
from celeriac.store.contract import DeadLetters
lost = ship.delay(7)
refused, ignored = book.delay(-1), book.delay(0)
print(type(lost.get(timeout=20, propagate=False)).__name__, type(refused.get(timeout=20, propagate=False)).__name__)
print(charge.delay(3).get(timeout=20), fetch.delay("x").get(timeout=20), report.delay().get(timeout=20))
print(ignored.state, {letter.id for letter in app.store.run(DeadLetters())} == {lost.id, refused.id})
"""
    with worker(tmp_path, "outcomes.md", "-c", "1") as log:
        assert ask(tmp_path, program) == "ValueError Reject\n3 x as far as it got\nPENDING True\n"
        assert "ship(7,) failed: no such order: 7" in log.read_text()
