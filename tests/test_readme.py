"""Every Python block of the README runs, in order, as a new user would run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
TASKS = BLOCKS[0]
COMMANDS = re.findall(r"^\$ celeriac (-A tasks worker.*)$", README.read_text(), re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path):
    """A folder with the README's `tasks.py`, and the environment of those who work in it."""
    (tmp_path / "tasks.py").write_text(TASKS)
    return tmp_path, {**os.environ, "CELERIAC_DIR": str(tmp_path)}


@pytest.fixture
def project(folder):
    """The same with the worker running as the README says."""
    tmp_path, environment = folder
    command = [sys.executable, "-m", "celeriac", *COMMANDS[0].split()]
    # Into a file: a pipe that nobody reads fills up, and stops whoever writes to it.
    with (tmp_path / "worker.log").open("w+") as log:
        worker = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=log)
        yield folder
        worker.terminate()
        worker.wait(timeout=20)
        log.seek(0)
        assert worker.returncode == 0, log.read()


def run(project, block: str) -> str:
    folder, environment = project
    done = subprocess.run(
        [sys.executable, "-c", block],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_minute(project):
    client = next(block for block in BLOCKS if block.startswith("from tasks import"))
    assert run(project, client) == "5\nhello world\nhttps://example.org after 2 retries\n"


def test_many_at_once(project):
    block = next(block for block in BLOCKS if "delay_many" in block)
    assert run(project, block) == "999000\n"


def test_the_worker_inside_a_test(folder):
    block = next(block for block in BLOCKS if "start_worker" in block)
    run(folder, block)


def test_no_block_is_left_out():
    assert len(COMMANDS) == 1
    assert len(BLOCKS) == 5, "a new block needs a test here"
    compile(BLOCKS[2], "redis block", "exec")
    assert "redis://" in BLOCKS[2]
