"""One worker a store for all of this folder: whatever one test does to it, the next ones still need it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.bad_input.stage import Stage


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of it starts processes."""
    for item in items:
        if "bad_input" in item.nodeid:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", params=["redis", "sqlite"])
def shared_stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, kept_redis_url: Callable[[], str]
) -> Iterator[Stage]:
    """The worker on one of the stores."""
    folder = tmp_path_factory.mktemp(f"stage-{request.param}")
    stage = Stage(kept_redis_url() if request.param == "redis" else f"sqlite:///{folder / 'tasks.db'}", folder)
    yield stage
    stage.close()


@pytest.fixture
def stage(shared_stage: Stage) -> Iterator[Stage]:
    """The worker, which must stand as it stood when the test is over."""
    yield shared_stage
    shared_stage.stands()
