"""The scenes that these tests are played on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worker.scene import Scene


@pytest.fixture(params=["redis", "sqlite"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    """A scene on each store that several processes can share."""
    url = request.getfixturevalue("redis_url") if request.param == "redis" else f"sqlite:///{tmp_path / 'tasks.db'}"
    with Scene(url, tmp_path) as scene:
        yield scene


@pytest.fixture
def any_scene(tmp_path: Path) -> Iterator[Scene]:
    """A scene for what has nothing to do with the store."""
    with Scene(f"sqlite:///{tmp_path / 'tasks.db'}", tmp_path) as scene:
        yield scene
