"""The Python blocks of docs/results.md and docs/queues.md run, and do what the pages say; so do the commands."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from celeriac.worker.inprocess import InProcessWorker

DOCS = Path(__file__).parent.parent / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def shop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a page defines, on a file of its own."""
    monkeypatch.setenv("BROKER", f"sqlite:///{tmp_path}/shop.db")
    (block,) = blocks(request.param, "python")
    (tmp_path / "shop.py").write_text(block)
    defined: dict[str, Any] = {"__name__": "shop"}
    exec(compile(block, request.param, "exec"), defined)
    yield defined
    defined["app"].close()


@pytest.mark.parametrize("shop", ["results.md"], indirect=True)
def test_results(shop):
    with InProcessWorker(shop["app"]):
        assert asyncio.run(shop["handler"](5)) == 15
        assert shop["page"]() == (6, [0, 3, 6], 3)
        result = shop["import_all"].delay(10)
        assert (result.get(20), result.explain().status) == (10, "finished")
    assert shop["price"].delay(1).explain().status == "waiting"


@pytest.mark.parametrize("shop", ["queues.md"], indirect=True)
def test_queues(shop, capsys):
    for number in range(3):
        shop["send"].delay(number)
    assert shop["look"]() == ["(0,)", "(1,)", "(2,)"]
    assert capsys.readouterr().out.startswith("mail 3 ")
    shop["stop_mail"]()
    assert shop["app"].queues.list("mail")[0].paused
    shop["go_on"]()
    assert not shop["app"].queues.list("mail")[0].paused
    assert shop["empty"]() == 3


@pytest.mark.slow
@pytest.mark.parametrize("shop", ["queues.md"], indirect=True)
def test_commands(shop, tmp_path):
    shop["send"].delay(1)
    (listed,) = blocks("queues.md", "sh")
    for line in listed.splitlines():
        command = [sys.executable, "-m", "celeriac", *shlex.split(line)[1:]]
        done = subprocess.run(command, cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), line
    assert done.stdout == "1 purged\n"
