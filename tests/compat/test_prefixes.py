"""Celery's `global_keyprefix`: one project's keys beside those of others, under the same names on both sides."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis

from celeriac import Celeriac
from celeriac.ids import new_id
from tests.compat.celery_side import Place, celeriac_command, celeriac_worker, celery_worker
from tests.compat.fleet.tasks import declare
from tests.compat.test_time import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

SETTINGS: dict[str, Any] = {
    "broker_transport_options": {"global_keyprefix": "shop:"},
    "result_backend_transport_options": {"global_keyprefix": "shop_results"},
}


@pytest.fixture(autouse=True)
def prefixed(monkeypatch, celery, place):
    monkeypatch.setenv("SETTINGS", json.dumps(SETTINGS))
    celery("app.conf.update({settings})", place, settings=SETTINGS)


@pytest.fixture
def ours(place: Place):
    with Celeriac("fleet", broker=place.broker, backend=place.results, **SETTINGS) as app:
        yield declare(app)


def keys(place):
    with redis.Redis.from_url(place.broker, decode_responses=True) as server:
        return set(server.keys())


def strangers(place):
    return {key for key in keys(place) if not key.startswith(("shop:", "shop_results_celery-task"))}


def test_what_celery_sends_is_run_here_and_read_there(celery, ours, place, tmp_path):
    with celeriac_worker(place, tmp_path / "log"):
        plain = celery("app.tasks['add'].delay(2, 3).get(timeout=60)", place)
        urgent = celery("app.tasks['add'].apply_async((2, 4), priority=9).get(timeout=60)", place)
        later = celery("app.tasks['add'].apply_async((2, 5), countdown=0.5).get(timeout=60)", place)
        assert (plain, urgent, later) == (5, 6, 7)
        assert ours.tasks["add"].delay(1, 1).get(timeout=60) == 2
        ours.tasks["add"].apply_async((9, 9), countdown=3600)
        told = json.loads(celeriac_command(place, "queues", "--json").stdout)
        assert [(row["queue"], row["delayed"]) for row in told] == [("celery", 1)]
    assert "shop:celeriac:leases" in keys(place)
    assert strangers(place) == set()


def test_what_is_sent_here_celery_runs_and_it_is_read_here(celery, celery_python, ours, place, tmp_path):
    waiting = ours.tasks["add"].delay(2, 3)
    urgent = ours.tasks["add"].apply_async((2, 4), priority=9)
    assert {"shop:celery", "shop:celery\x06\x169"} <= keys(place)
    with celery_worker(celery_python, place, tmp_path / "log"):
        assert (waiting.get(timeout=60), urgent.get(timeout=60)) == (5, 6)
        assert celery("app.AsyncResult({id}).result", place, id=waiting.id) == 5
    assert f"shop_results_celery-task-meta-{waiting.id}" in keys(place)
    group = new_id()
    ours.GroupResult(group, [waiting, urgent]).save()
    restored = "[m.id for m in celery.result.GroupResult.restore({group}, app=app).results]"
    assert celery(restored, place, group=group) == [waiting.id, urgent.id]
    assert strangers(place) == set()


def test_what_a_celery_worker_held_is_adopted(celery, celery_python, ours, place, tmp_path):
    with redis.Redis.from_url(place.broker) as server, celery_worker(celery_python, place, tmp_path / "log") as worker:
        later = celery("app.tasks['add'].apply_async((1,), countdown=3600).id", place)
        wait_until(lambda: server.hlen("shop:unacked") == 1)
        worker.kill()
    done = celeriac_command(place, "adopt")
    assert (done.returncode, done.stdout.strip()) == (0, "adopted 1 messages"), done.stderr
    with celeriac_worker(place, tmp_path / "ours"):
        wait_until(lambda: [each.id for each in ours.delayed.list()] == [later])
    assert strangers(place) == set()
