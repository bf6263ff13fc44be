"""Arguments and results of every kind, from either library's client through the other's worker and back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compat.conftest import client_at
from tests.compat.fleet.values import VALUES

pytestmark = pytest.mark.slow

KINDS = pytest.mark.parametrize("kind", VALUES)


def same(one, other):
    """Equal, and of the same types all the way down."""
    return repr(one) == repr(other) and type(one) is type(other)


@KINDS
def test_celery_client_and_our_worker(celery, celeriac_works, kind):
    sent = "app.tasks['is_value'].delay({kind}, VALUES[{kind}]).get(timeout=20)"
    assert celery(sent, celeriac_works, kind=kind) is True
    received = celery("app.tasks['value_of'].delay({kind}).get(timeout=20)", celeriac_works, kind=kind)
    assert same(received, VALUES[kind])
    assert same(celery("app.tasks['echo'].delay(VALUES[{kind}]).get()", celeriac_works, kind=kind), VALUES[kind])


@KINDS
def test_our_client_and_celery_worker(celery_works, kind):
    with client_at(celery_works) as app:
        assert app.tasks["is_value"].delay(kind, VALUES[kind]).get(timeout=20) is True
        assert same(app.tasks["value_of"].delay(kind).get(timeout=20), VALUES[kind])
        assert same(app.tasks["echo"].delay(VALUES[kind]).get(timeout=20), VALUES[kind])


def test_keywords_defaults_and_names(celery, celeriac_works, celery_works):
    assert celery("app.send_task('add', (1,), {'y': 2}).get(timeout=20)", celeriac_works) == 3
    assert celery("app.tasks['add'].delay(x='ab', y='c').get(timeout=20)", celeriac_works) == "abc"
    with client_at(celery_works) as app:
        assert app.send_task("add", (1,), {"y": 2}).get(timeout=20) == 3
        assert app.tasks["add"].delay(x="ab", y="c").get(timeout=20) == "abc"


def test_what_a_task_sees_of_its_call_is_the_same(celery, celeriac_works, celery_works):
    options: dict[str, Any] = {"args": (1, "two"), "kwargs": {"three": 3}, "priority": 6, "soft_time_limit": 50}
    call = "app.tasks['request'].apply_async(**{options}).get(timeout=20)"
    seen = []
    for place in (celeriac_works, celery_works):
        with client_at(place) as app:
            theirs = celery(call, place, options=options)
            ours = app.tasks["request"].apply_async(**options).get(timeout=20)
        for request in (theirs, ours):
            assert request["root_id"] == request["correlation_id"] == request["id"]
            seen.append({key: value for key, value in request.items() if not key.endswith("id")})
    assert seen[1:] == seen[:-1]
    assert seen[0]["delivery_info"] == {"exchange": "", "routing_key": "celery", "priority": 6, "redelivered": False}
