"""The real Celery: in an environment of its own, reached through its own interpreter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from celeriac import Celeriac
from tests.compat.celery_side import Place, RealCelery, celeriac_worker, celery_worker
from tests.compat.fleet.tasks import declare

_PYTHON = Path(__file__).resolve().parents[2] / ".venv-compat" / "bin" / "python"


@pytest.fixture(scope="session")
def celery_python() -> Path:
    """The interpreter that can import Celery, and cannot import Celeriac."""
    if not _PYTHON.exists():
        pytest.fail("celery is missing: `make venv-compat` installs it in .venv-compat", pytrace=False)
    return _PYTHON


@pytest.fixture(scope="session")
def celery(celery_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCelery]:
    """A process that does with the real Celery what it is told."""
    real = RealCelery(celery_python, tmp_path_factory.mktemp("celery") / "client.log")
    yield real
    real.close()


@pytest.fixture
def place(redis_url: str) -> Place:
    """An empty database that nobody serves, for queues and results."""
    return Place(redis_url, redis_url)


@pytest.fixture
def ours(place: Place) -> Iterator[Celeriac]:
    """Our client at `place`."""
    with client_at(place) as app:
        yield app


@pytest.fixture(scope="session", params=["one database", "results elsewhere"])
def celeriac_works(
    request: pytest.FixtureRequest, kept_redis_url: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """Databases served by our worker."""
    broker = kept_redis_url()
    place = Place(broker, broker if request.param == "one database" else kept_redis_url())
    with celeriac_worker(place, tmp_path_factory.mktemp("celeriac") / "worker.log"):
        wait_for_worker(place)
        yield place


@pytest.fixture(scope="session", params=["one database", "results elsewhere"])
def celery_works(
    request: pytest.FixtureRequest,
    kept_redis_url: Callable[[], str],
    celery_python: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    """Databases served by the real Celery's prefork worker."""
    broker = kept_redis_url()
    place = Place(broker, broker if request.param == "one database" else kept_redis_url())
    with celery_worker(celery_python, place, tmp_path_factory.mktemp("celery") / "worker.log"):
        wait_for_worker(place)
        yield place


def wait_for_worker(place: Place) -> None:
    """Return when tasks are run there: no test is to measure how long a worker takes to start."""
    with client_at(place) as app:
        app.tasks["add"].delay(1).get(timeout=50)


def client_at(place: Place) -> Celeriac:
    """Our client, with the fleet's tasks."""
    app: Celeriac = declare(Celeriac("fleet", broker=place.broker, backend=place.results))
    return app
