"""What tests share: servers, places for stores, and a limit on how long each may take."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from celeriac import Celeriac
from tools.servers.program import ServerMissing
from tools.servers.redis import DATABASES, RedisServer

pytest_plugins = ["tests.timeouts"]

KEPT_DATABASES = 16

# How long one example takes says nothing on a machine that does other things as well.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The one Redis server of this run; it keeps nothing."""
    with _redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def new_redis_url(shared_redis: RedisServer) -> Callable[[], str]:
    """Each call is the URL of another empty database on the shared server; they come round again."""
    numbers = itertools.cycle(range(KEPT_DATABASES, DATABASES))

    def new() -> str:
        number = next(numbers)
        shared_redis.flush(number)
        return shared_redis.database(number)

    return new


@pytest.fixture(scope="session")
def kept_redis_url(shared_redis: RedisServer) -> Callable[[], str]:
    """The same for what outlives a test, a worker of many tests: these are given out once."""
    numbers = iter(range(KEPT_DATABASES))
    return lambda: shared_redis.database(next(numbers))


@pytest.fixture
def redis_url(new_redis_url: Callable[[], str]) -> str:
    """An empty database of this test's own on the shared server."""
    return new_redis_url()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of this test's own, to freeze and to kill; what it has answered is on disk."""
    with _redis(tmp_path / "redis", durable=True) as server:
        yield server


@pytest.fixture
def tmp_store_path(tmp_path: Path) -> Path:
    """Where an embedded store may be made; nothing is there yet."""
    return tmp_path / "tasks.db"


def _redis(directory: Path, *, durable: bool = False) -> RedisServer:
    try:
        return RedisServer(directory, durable=durable)
    except ServerMissing as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture(params=["memory", "sqlite", "redis"])
def on_each_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Celeriac]:
    """An app on a store of its own, of each kind in turn."""
    urls = {"memory": lambda: "memory://", "sqlite": lambda: f"sqlite:///{tmp_path}/tasks.db"}
    broker = urls[request.param]() if request.param in urls else request.getfixturevalue("redis_url")
    # Nobody here wants to know what happens to a producer whose store is slow.
    with Celeriac("tests", broker=broker, task_publish_deadline=20) as app:
        yield app
