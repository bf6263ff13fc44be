"""An app on each store."""

from __future__ import annotations

import pytest

from celeriac import Celeriac


@pytest.fixture(params=["memory", "sqlite", "redis"])
def app(request, tmp_path):
    """An app on a store of its own."""
    urls = {"memory": lambda: "memory://", "sqlite": lambda: f"sqlite:///{tmp_path}/tasks.db"}
    broker = urls[request.param]() if request.param in urls else request.getfixturevalue("redis_url")
    with Celeriac("tests", broker=broker) as app:
        yield app
