"""Callbacks, errbacks and chains of a real Celery's messages, run by our worker."""

from __future__ import annotations

import pytest

from tests.compat.celery_side import Raised

pytestmark = pytest.mark.slow


def test_callbacks_are_called_with_the_result(celery, celeriac_works):
    linked = "[app.tasks['add'].s(10).set(task_id={one}), app.tasks['add'].si(7, 8).set(task_id={two})]"
    ids = {"one": "link-one", "two": "link-two"}
    assert celery(f"app.tasks['add'].apply_async((1, 2), link={linked}).get(timeout=20)", celeriac_works, **ids) == 3
    found = [celery("app.AsyncResult({id}).get(timeout=20)", celeriac_works, id=id) for id in ids.values()]
    assert found == [13, 15]


def test_errbacks_are_called_with_the_id(celery, celeriac_works):
    errback = "app.tasks['echo'].s().set(task_id='told')"
    call = f"app.tasks['fail'].apply_async(('builtin',), task_id='broken', link_error={errback})"
    with pytest.raises(Raised):
        celery(f"{call}.get(timeout=20)", celeriac_works)
    assert celery("app.AsyncResult('told').get(timeout=20)", celeriac_works) == "broken"


def _ends_alone(celery, place, call, follower):
    """Whether the task of a call ends and its follower is not called: what comes after it in the queue is."""
    celery(f"{call}.get(timeout=20)", place)
    celery("app.tasks['add'].delay(1).get(timeout=20)", place)
    return celery("app.AsyncResult({id}).state", place, id=follower) == "PENDING"


@pytest.mark.parametrize("library", ["celery", "celeriac"])
def test_a_task_stops_what_would_follow_it(celery, celeriac_works, celery_works, library):
    place = celeriac_works if library == "celeriac" else celery_works
    last = f"app.tasks['add'].si(1, 2).set(task_id='stopped-{library}-%s')"
    call = f"celery.chain(app.tasks['stops'].s('chain'), {last % 'chain'}).apply_async().parent"
    assert _ends_alone(celery, place, call, f"stopped-{library}-chain")
    link = f"app.tasks['stops'].apply_async(('callbacks',), link=[{last % 'link'}])"
    assert _ends_alone(celery, place, link, f"stopped-{library}-link")


@pytest.mark.parametrize("library", ["celery", "celeriac"])
def test_a_task_puts_something_else_in_place_of_what_would_follow_it(celery, celeriac_works, celery_works, library):
    place = celeriac_works if library == "celeriac" else celery_works
    other = f"dict(app.tasks['add'].si(3, 4).set(task_id='other-{library}'))"
    link = f"app.tasks['add'].si(1, 2).set(task_id='replaced-{library}')"
    call = f"app.tasks['stops'].apply_async(('callbacks', [{other}]), link=[{link}])"
    assert _ends_alone(celery, place, call, f"replaced-{library}")
    assert celery("app.AsyncResult({id}).get(timeout=20)", place, id=f"other-{library}") == 7


def test_chains_run_link_by_link(celery, celeriac_works):
    chain = "celery.chain(app.tasks['add'].s(1, 2), app.tasks['add'].s(10), app.tasks['add'].s(100))"
    assert celery(f"{chain}.apply_async().get(timeout=20)", celeriac_works) == 113
