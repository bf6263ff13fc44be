"""Results that are shared (`cache_for`), in a fleet with the real Celery."""

from __future__ import annotations

import pytest

from celeriac.ids import new_id
from tests.compat.conftest import client_at

pytestmark = pytest.mark.slow


def test_celery_reads_a_shared_result_and_its_workers_make_them(celery, celeriac_works, celery_works):
    for place in (celeriac_works, celery_works):
        value = new_id()
        with client_at(place) as app:
            first = app.tasks["echo"].apply_async((value,), cache_for=60)
            assert first.get(20) == value
            again = app.tasks["echo"].apply_async((value,), cache_for=60)
            assert (again.id, again.get(0)) == (first.id, value)
            seen = "(lambda result: (result.state, result.get(timeout=5)))(app.AsyncResult({id}))"
            assert celery(seen, place, id=again.id) == ("SUCCESS", value)
            other = app.tasks["echo"].apply_async((value + "x",), queue="unserved", cache_for=60)
            assert celery("app.AsyncResult({id}).state", place, id=other.id) == "PENDING"
