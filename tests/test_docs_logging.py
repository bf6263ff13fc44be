"""The Python blocks of docs/logging.md run, and what they log is what it says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

DOCUMENT = Path(__file__).parent.parent / "docs" / "logging.md"
TASKS, OWN = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)


def log_of_one_task(folder: Path, source: str) -> list[str]:
    """What a worker's log has in it after one payment."""
    (folder / "shop.py").write_text(source)
    command = [sys.executable, "-m", "celeriac", "-A", "shop", "worker", "-c", "1", "-l", "INFO", "-f", "%n.log"]
    worker = subprocess.Popen([*command, "-n", "teller"], cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        pay = "from shop import pay; assert pay.delay(5).get(timeout=20) == 5"
        subprocess.run([sys.executable, "-c", pay], cwd=folder, env={**os.environ}, check=True)
    finally:
        worker.send_signal(signal.SIGTERM)
        _, printed = worker.communicate(timeout=20)
    assert worker.returncode == 0
    return [*(folder / "teller.log").read_text().splitlines(), *printed.splitlines()]


def test_a_task_logs_in_the_format_of_the_settings(tmp_path: Path) -> None:
    lines = log_of_one_task(tmp_path, TASKS)
    assert "INFO shop.pay: asking the bank for 5" in lines
    assert "WARNING shop.pay: the bank is slow" in lines
    assert "WARNING shop.pay: printed lines are logged as WARNING" in lines


def test_logging_of_ones_own_knows_the_task(tmp_path: Path) -> None:
    lines = log_of_one_task(tmp_path, TASKS + OWN)
    assert "???[???] ready" in lines
    assert any(re.fullmatch(r"shop\.pay\[[\w-]{36}\] asking the bank for 5", line) for line in lines)
