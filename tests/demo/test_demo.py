"""The whole demo as a user starts it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from celeriac.demo.app import planned_failures
from celeriac.demo.library import find_sources, standard_library

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "celeriac.demo"]


def run_demo(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *options], capture_output=True, text=True, check=False)


def figure(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    assert found is not None, text
    return int(found[1].replace(",", ""))


@pytest.mark.timeout(240)
def test_standard_library_is_analysed_right_although_tasks_fail_and_a_process_dies():
    demo = run_demo()
    sources = find_sources(standard_library())
    assert (demo.returncode, demo.stderr) == (0, "")
    assert "through sqlite:///" in demo.stdout
    assert figure(r"([\d,]+) tasks in ", demo.stdout) == len(sources)
    assert figure(r"(\d+) retries", demo.stdout) == sum(planned_failures(source.module) for source in sources) > 0
    assert figure(r"(\d+) recovered", demo.stdout) == 1
    killed = figure(r"process (\d+) killed with SIGKILL", demo.stdout)
    assert not Path(f"/proc/{killed}").exists()
    assert f"{len(sources):,} of {len(sources):,} analysed" in demo.stdout
    assert "most complex functions" in demo.stdout
    assert "right: a plain loop finds the same" in demo.stdout


def test_same_on_redis(redis_url):
    demo = run_demo("--broker", redis_url, "--library", str(standard_library() / "json"))
    assert (demo.returncode, demo.stderr) == (0, "")
    assert f"through {redis_url}" in demo.stdout
    assert "right: a plain loop finds the same" in demo.stdout


def test_progress_is_one_changing_line_on_a_terminal():
    ours, theirs = pty.openpty()
    demo = subprocess.Popen([*COMMAND, "--library", str(standard_library() / "json")], stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = read_terminal(ours).decode()
    assert demo.wait() == 0
    total = len(find_sources(standard_library() / "json"))
    (line,) = [line for line in shown.split("\r\n") if f"{total} of {total} analysed" in line]
    assert line.rpartition("\r")[2].startswith("\x1b[2K[##############################]")


def read_terminal(descriptor: int) -> bytes:
    """Everything, until the other end is closed."""
    shown = b""
    with os.fdopen(descriptor, "rb", buffering=0) as terminal:
        try:
            while part := terminal.read(4096):
                shown += part
        except OSError:
            pass
    return shown


def test_result_that_a_plain_loop_does_not_find_is_caught(tmp_path):
    assert planned_failures("shifting") == 0
    shifting = tmp_path / "shifting.py"
    os.mkfifo(shifting)
    with subprocess.Popen([*COMMAND, "--library", str(tmp_path)], stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        shifting.write_text("a = 1\n")
        while "1 tasks in" not in (line := demo.stdout.readline()):
            assert line, "the demo ended early"
        shifting.write_text("a = 1 + 1\n")
        rest = demo.stdout.read()
    assert "WRONG: a plain loop finds something else for shifting" in rest
    assert demo.returncode == 1


def test_store_that_cannot_be_reached_is_one_line_and_no_success():
    demo = run_demo("--broker", "redis://127.0.0.1:1/0", "--library", str(standard_library() / "json"))
    assert demo.returncode == 1
    assert "cannot reach Redis" in demo.stderr
    assert "Traceback" not in demo.stderr
