"""From Celery's workers to ours and back: `celeriac adopt` and `celeriac hand-back`, with real workers that die."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta

import pytest
import redis

from celeriac import ids
from celeriac.calls.sender import Call
from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import Hand
from tests.compat.celery_side import celeriac_command, celeriac_worker, celery_worker
from tests.compat.test_time import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

FAILED = 1


@pytest.fixture
def server(place):
    with redis.Redis.from_url(place.broker) as server:
        yield server


@pytest.fixture
def pipe(tmp_path):
    """What a task writes to as long as nobody reads: it never ends."""
    os.mkfifo(tmp_path / "pipe")
    return str(tmp_path / "pipe")


def lines(path):
    return sorted(path.read_text().splitlines()) if path.exists() else []


def said(done):
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_what_a_killed_celery_worker_held_is_adopted_and_done(
    celery, ours, celery_python, place, server, pipe, tmp_path
):
    done = tmp_path / "done"
    with celery_worker(celery_python, place, tmp_path / "celery.log") as worker:
        for _ in range(2):
            celery("app.tasks['mark'].delay({pipe}, 'never').id", place, pipe=pipe)
        for number in range(4):
            options = {"args": (str(done), f"line {number}"), "priority": 6 if number % 2 else 0}
            celery("app.tasks['mark'].apply_async(**{options}).id", place, options=options)
        later = celery("app.tasks['add'].apply_async((1,), countdown=3600).id", place)
        wait_until(lambda: server.hlen("unacked") == 5)  # what runs was acknowledged before
        refused = celeriac_command(place, "adopt")
        assert (refused.returncode, refused.stdout) == (FAILED, "")
        assert "Celery worker connections are open" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        young = json.loads(said(celeriac_command(place, "adopt", "--older-than", "1h", "--json")))
        assert young == {"adopted": 0, "young": 5, "left": 0}
        assert server.hlen("unacked") == 5
        worker.kill()
    assert said(celeriac_command(place, "adopt")) == "adopted 5 messages"
    assert (server.exists("unacked"), server.exists("unacked_index")) == (0, 0)
    assert (server.llen("celery"), server.llen("celery\x06\x166")) == (3, 2)
    with celeriac_worker(place, tmp_path / "celeriac.log"):
        wait_until(lambda: lines(done) == [f"line {number}" for number in range(4)])
        wait_until(lambda: [each.id for each in ours.delayed.list()] == [later])
    assert said(celeriac_command(place, "adopt")) == "adopted 0 messages"


def test_what_is_no_task_is_left_where_it_is(place, server):
    server.hset("unacked", mapping={"a": b"nonsense", "b": json.dumps([{"body": "x"}, "", "celery"])})
    server.zadd("unacked_index", {"a": 1.0, "b": 1.0})
    assert json.loads(said(celeriac_command(place, "adopt", "--json"))) == {"adopted": 0, "young": 0, "left": 2}
    assert server.hlen("unacked") == 2


def test_a_queue_is_found_by_its_exchange(celery, ours, place, server):
    celery("app.tasks['add'].apply_async((1,), queue='other').id", place)
    message = json.loads(server.rpop("other"))
    server.sadd("_kombu.binding.shop", "key\x06\x16\x06\x16there", "kex\x06\x16\x06\x16elsewhere")
    server.hset("unacked", "tag", json.dumps([message, "shop", "key"]))
    assert said(celeriac_command(place, "adopt")) == "adopted 1 messages"
    (raw,) = server.lrange("there", 0, -1)
    assert json.loads(raw)["headers"]["redelivered"] is True
    assert json.loads(raw)["properties"]["delivery_info"]["redelivered"] is True


def test_what_our_workers_leave_is_handed_back_and_done_by_celery(ours, celery_python, place, server, pipe, tmp_path):
    done = tmp_path / "done"
    due = datetime.now(UTC) + timedelta(seconds=20)
    with celeriac_worker(place, tmp_path / "celeriac.log", "-c", "1") as worker:
        held = ours.tasks["mark"].delay(pipe, "held")
        wait_until(lambda: server.llen("celery") == 0 and server.exists(*server.keys("celeriac:claims:*") or ["none"]))
        soon = ours.tasks["mark"].apply_async((str(done), "soon"), eta=due)
        ours.tasks["mark"].apply_async((str(done), "late"), countdown=3600)
        moved = ours.tasks["mark"].apply_async((str(done), "moved"), countdown=3600)
        assert ours.delayed.change(moved.id, eta=due)
        refused = celeriac_command(place, "hand-back")
        assert (refused.returncode != 0, refused.stdout) == (True, "")
        assert "1 workers run" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert len(ours.delayed.list()) == 3
        worker.kill()
    assert said(celeriac_command(place, "hand-back")) == "handed back 1 claimed and 3 delayed messages"
    assert ours.delayed.list() == []
    assert server.keys("celeriac:claims:*") == []
    with celery_worker(celery_python, place, tmp_path / "celery.log"):
        with open(pipe) as lines_of_held:
            assert lines_of_held.readline() == "held\n"
        assert [held.get(timeout=20), soon.get(timeout=50), moved.get(timeout=50)] == ["celery"] * 3
        assert time.time() >= due.timestamp() - 0.01
        assert lines(done) == ["moved", "soon"]
        wait_until(lambda: server.hlen("unacked") == 1)  # the late one waits in Celery's hands


def test_parked_and_landed_messages_are_handed_back_without_a_time_to_wait_for(ours, place, server):
    parked = ours.sender.message(Call(task="unheard.of"))[1]
    hand = Hand(ours.store)
    ours.store.run(c.Enqueue((parked,)))
    [claim] = hand.claim(1, "celery")
    raw = json.loads(claim.raw)
    raw["headers"]["x-celeriac-parked"] = time.time()
    hand.defer(c.Deferral(claim.id, parked.id, int(time.time() * 1000) + 30_000, json.dumps(raw).encode()))
    hand.close()
    server.lpush("celeriac:landing:celery", b"first", b"second")
    done = json.loads(said(celeriac_command(place, "hand-back", "--json")))
    assert done == {"claims": 0, "delayed": 1, "landed": 2, "failed": 0}
    *others, again = server.lrange("celery", 0, -1)[::-1]
    assert others == [b"first", b"second"]
    headers = json.loads(again)["headers"]
    assert (headers["task"], headers["eta"]) == ("unheard.of", None)
    assert not [name for name in headers if name.startswith("x-celeriac")]


def test_what_had_begun_and_may_run_only_once_is_a_dead_letter(ours, place, server):
    lost = Hand(ours.store, "lost")
    result = ours.tasks["add"].delay(1)
    [claim] = lost.claim(1, "celery")
    lost.start(c.StartItem(claim.id, once=True))
    # A worker on this machine whose process is gone.
    record = json.loads(server.hget("celeriac:workers", "lost"))
    server.hset("celeriac:workers", "lost", json.dumps({**record, **_gone()}))
    done = celeriac_command(place, "hand-back", "--json")
    assert json.loads(said(done)) == {"claims": 0, "delayed": 0, "landed": 0, "failed": 1}
    assert result.state == "FAILURE"
    (letter,) = ours.dead.list()
    assert (letter.id, letter.cause, server.llen("celery")) == (result.id, c.Cause.LOST, 0)


def _gone():
    return {"boot_id": ids.boot_id(), "pid_namespace": ids.pid_namespace(), "pid": 1 << 22, "started": 7}
