"""Every command and block of docs/start.md, in order, as a new user would type them."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guard import Guard

PAGE = (Path(__file__).parent.parent / "docs" / "start.md").read_text()
CONSOLE = "".join(re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
COMMANDS = re.findall(r"^\$ (.*)$", CONSOLE, re.MULTILINE)
PROGRAMS = {"celeriac": [sys.executable, "-m", "celeriac"], "python": [sys.executable]}


def command(line: str) -> list[str]:
    program, *arguments = shlex.split(line)
    return [*PROGRAMS[program], *arguments]


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_first_minute(tmp_path):
    install, init, enter, requirements, tests, worker, send, on_redis = COMMANDS
    assert (install, enter, requirements) == ("pip install celeriac", "cd shop", "pip install -r requirements.txt")
    run(tmp_path, *command(init))
    shop = tmp_path / "shop"
    assert "2 passed" in run(shop, *command(tests))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command(worker), cwd=shop, env=os.environ, stderr=log, start_new_session=True)
    guard = Guard(process.pid)
    try:
        assert run(shop, *command(send)) == CONSOLE.partition(f"$ {send}\n")[2].partition("$")[0] == "5\n"
        (block,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
        assert run(shop, sys.executable, "-c", block) == "5\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        guard.dismiss()
    assert (shop / "tasks.db").exists()
    assert "flask --app" in run(tmp_path, *command(on_redis))
