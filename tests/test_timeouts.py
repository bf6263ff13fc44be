"""A test that hangs fails, says where it hung, and does not keep the others from running."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run_suite(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    """Run a suite of its own under the limits of this one."""
    suite = folder / "test_it.py"
    suite.write_text("import asyncio, signal, threading\nimport pytest\n" + source)
    options = ["-p", "tests.timeouts", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(folder)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(suite)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_hanging_test_fails_with_its_stacks_and_the_next_one_runs(tmp_path):
    run = run_suite(
        tmp_path,
        """
@pytest.mark.timeout(0.2)
def test_hangs():
    threading.Event().wait()

def test_next(): ...
""",
    )
    assert "took more than 0.2 seconds" in run.stdout
    assert "1 failed, 1 passed" in run.stdout
    assert "in test_hangs" in run.stderr


def test_hanging_event_loop_and_hanging_fixtures_fail(tmp_path):
    run = run_suite(
        tmp_path,
        """
@pytest.fixture
def never():
    threading.Event().wait()

@pytest.fixture
def last():
    yield
    threading.Event().wait()

@pytest.mark.timeout(1)
def test_up(never): ...

@pytest.mark.timeout(1)
def test_down(last): ...

@pytest.mark.timeout(1)
def test_loop():
    asyncio.run(asyncio.Event().wait())
""",
    )
    assert "1 failed, 1 passed" in run.stdout
    assert "2 errors" in run.stdout


def test_test_that_cannot_be_interrupted_ends_the_run_with_its_stacks(tmp_path):
    run = run_suite(
        tmp_path,
        """
from tests import timeouts
timeouts.GRACE_SECONDS = 0.2

@pytest.mark.timeout(0.2)
def test_deaf():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    threading.Event().wait()
""",
    )
    assert run.returncode == 1
    assert "Timeout (0:00:00" in run.stderr
    assert "in test_deaf" in run.stderr
