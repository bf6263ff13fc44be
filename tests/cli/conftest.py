"""Projects whose queues are on Redis, in SQLite, or nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.project import Project


@pytest.fixture(params=["redis", "sqlite"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """A project on a store that works; the test runs once for each store."""
    broker = "sqlite:///tasks.db" if request.param == "sqlite" else request.getfixturevalue("redis_url")
    return Project.make(tmp_path, broker)


@pytest.fixture
def idle_project(tmp_path: Path) -> Project:
    """A project for commands that end before they need a store."""
    return Project.make(tmp_path, "sqlite:///tasks.db")


@pytest.fixture
def cut_off_project(tmp_path: Path) -> Project:
    """A project whose Redis is not there."""
    return Project.make(tmp_path, "redis://127.0.0.1:1/0")
