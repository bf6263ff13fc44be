"""Passwords on command lines: no other user of the machine can read them in the list of processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from celeriac.config.secrets import blanked
from tests.cli.project import Project
from tests.guard import Guard
from tests.worker.ledger import wait_until

PASSWORD = "s3cr3tpw"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that says nothing of use about its broker."""
    return Project.make(tmp_path, "memory://")


@pytest.fixture
def url(redis_url: str) -> str:
    """With a password, which a Redis that asks for none takes from its default user."""
    return redis_url.replace("redis://", f"redis://default:{PASSWORD}@")


def below(pid: int) -> list[int]:
    """A process and all that come from it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in below(int(child)))]


def shown(pid: int) -> str:
    """Its command line, as anybody may read it."""
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spelling", "pool"), [("-b {}", "prefork"), ("-b{}", "spawn"), ("--result-backend {} --broker={}", "solo")]
)
def test_no_process_of_a_worker_shows_the_password_of_its_store(project, url, spelling, pool):
    options = {"prefork": (), "spawn": ("--start-method", "spawn"), "solo": ("-P", "solo")}[pool]
    broker = spelling.format(url, url).split()
    with project.worker(*options, before=broker) as worker:
        worker.wait_for("tasks: ")
        task = project.prints(*broker, "call", "proj.add", "-a", "[1, 2]")
        assert project.prints(*broker, "result", task, "--timeout", "20") == "3"
        processes = below(worker.pid)
        assert len(processes) == {"prefork": 4, "spawn": 4, "solo": 1}[pool]
        for process in processes:
            assert PASSWORD not in shown(process)
        assert "redis://default:*" in shown(worker.pid)
        assert " worker " in shown(worker.pid)
        assert worker.stop() == 0
    assert PASSWORD not in worker.said


@pytest.mark.slow
def test_no_other_command_shows_it_while_it_runs(project, url):
    process = project.start("-A", "proj", "-b", url, "result", "no-such-id", "--timeout", "30")
    guard = Guard(process.pid)
    try:
        wait_until(lambda: "default:********@" in shown(process.pid), 20, "stars over the password")
        words = shown(process.pid)
        assert PASSWORD not in words
        assert words.split()[-3:] == ["no-such-id", "--timeout", "30"]
    finally:
        os.killpg(process.pid, 9)
        process.communicate()
        guard.dismiss()


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("redis://:pw@host/0", "redis://:**@host/0"),
        ("-bredis://u:p:w@d@host", "-bredis://u:*****@host"),
        ("redis://host/0?password=abc&x=1", "redis://host/0?password=***&x=1"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("worker", "worker"),
    ],
)
def test_what_is_hidden_is_as_long_as_it_was(text, hidden):
    assert blanked(text) == hidden
