"""What docs/dead-letters.md and docs/delayed.md show is run: their Python blocks and their commands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from celeriac import Celeriac
from tests.guard import Guard
from tests.worker.ledger import wait_until

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parent.parent / "docs"


class Page:
    """A page, its tasks in a module of their own, and a worker that serves them."""

    def __init__(self, name: str, module: str, folder: Path) -> None:
        text = (DOCS / name).read_text()
        tasks, self.client = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        self.commands = [shlex.split(line) for line in re.findall(r"^\$ celeriac (.*)$", text, re.MULTILINE)]
        self.folder = folder
        (folder / f"{module}.py").write_text(tasks)
        self.module = module
        self.app = Celeriac(module, broker=f"sqlite:///{folder}/tasks.db")

    def run(self, *command: str) -> str:
        """What a process of this project prints."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env={**os.environ, "CELERIAC_DIR": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def command(self, words: list[str], id: str = "") -> str:
        """What a command of the page prints, for this id."""
        return self.run("-m", "celeriac", *(id if word == "ID" else word for word in words))

    def worker(self) -> subprocess.Popen[bytes]:
        """Start one."""
        return subprocess.Popen(
            [sys.executable, "-m", "celeriac", "-A", self.module, "worker", "-c", "1"],
            cwd=self.folder,
            env={**os.environ, "CELERIAC_DIR": str(self.folder)},
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


@pytest.fixture
def page(request, tmp_path):
    name, module = request.param
    page = Page(name, module, tmp_path)
    process = page.worker()
    guard = Guard(process.pid)
    yield page
    process.terminate()
    assert process.wait(20) == 0
    guard.dismiss()
    page.app.close()


@pytest.mark.parametrize("page", [("dead-letters.md", "shop")], indirect=True)
def test_dead_letters(page):
    def reject():
        result = page.app.send_task("shop.pay", (7,), {"currency": "DEM"})
        result.get(timeout=20, propagate=False)
        return result.id

    id = reject()
    listed, grouped, show, replay, replay_all, export, drop = page.commands
    assert id in page.command(listed)
    assert " 1 " in page.command(grouped)
    assert "nobody takes DEM" in page.command(show, id)
    assert page.command(replay, id) == "1 replayed\n"
    assert page.app.AsyncResult(id).get(timeout=20) == "7 paid in EUR"
    id = reject()
    assert id in page.command(export)
    assert page.command(replay_all) == "1 replayed\n"
    assert page.command(drop) == "0 dropped\n"
    wait_until(lambda: page.app.dead.list() != [], 20, "letter again")
    printed = page.run("-c", page.client)
    assert "rejected Reject" in printed
    assert page.app.AsyncResult(id).get(timeout=20) == "7 paid in USD"


@pytest.mark.parametrize("page", [("delayed.md", "clock")], indirect=True)
def test_delayed(page):
    assert page.run("-c", page.client) == "clock.remind (['you'], {})\nTrue REVOKED\n"
    one, other = (page.app.send_task("clock.remind", ("me",), countdown=3600) for _ in range(2))
    listed, show, change, cancel, cancel_all = page.commands
    assert one.id in page.command(listed)
    assert "clock.remind" in page.command(show, one.id)
    assert page.command(change, one.id) == "1 changed\n"
    assert page.app.delayed.get(one.id).arguments == (["me"], {"of": "bread"})
    assert page.command(cancel, one.id) == "1 cancelled\n"
    assert page.command(cancel_all) == "1 cancelled\n"
    assert [one.state, other.state] == ["REVOKED", "REVOKED"]
