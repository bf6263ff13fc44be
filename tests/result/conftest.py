"""An app on each store."""

from __future__ import annotations

import pytest

from celeriac import Celeriac


@pytest.fixture
def app(on_each_store: Celeriac) -> Celeriac:
    return on_each_store
