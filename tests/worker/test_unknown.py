"""Tasks that a worker does not know: parked for one that does, as during a rolling deployment."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from celeriac import Celeriac
from celeriac.calls.sender import Call
from celeriac.exceptions import NotRegistered
from celeriac.message import task as wire
from celeriac.message.envelope import write_envelope
from celeriac.result import gather
from celeriac.stores import contract as c
from celeriac.testing import start_worker
from celeriac.worker.core import intake
from celeriac.worker.core.claim_table import HeldClaim
from celeriac.worker.lane.frame import TaskSpec
from tests.worker.ledger import wait_until
from tests.worker.scene import Scene

NOW = 1_800_000_000.0
OLD_APP = """
import os
from celeriac import Celeriac

app = Celeriac("old", broker=os.environ["TEST_BROKER"], task_unknown_timeout=float(os.environ["TEST_UNKNOWN"]))


@app.task(name="known")
def known():
    return "old"
"""


def claim(raw: bytes) -> c.Claim:
    return c.Claim("e:1", "celery", raw)


def parked(raw: bytes, now: float, seconds: float = 300.0) -> c.Deferral:
    item = intake.sort(claim(raw), {}, now, intake.Rules(unknown_seconds=seconds))
    assert isinstance(item, c.Deferral)
    return item


def message(task: str) -> bytes:
    return write_envelope(b"[[], {}, {}]", {"id": "i-1", "task": task}, {"body_encoding": "base64"})


def test_the_pauses_grow_from_one_second_to_ten_until_the_time_is_over():
    raw, now, pauses = message("nobody.knows"), NOW, []
    while True:
        item = intake.sort(claim(raw), {}, now, intake.Rules(unknown_seconds=120.0))
        if not isinstance(item, c.Deferral):
            break
        assert item.raw is not None
        assert wire.read_headers(item.raw).parked == NOW
        pauses.append(round(item.due / 1000 - now))
        raw, now = item.raw, item.due / 1000
    assert pauses[:8] == [1] * 8
    assert pauses == [*sorted(pauses[:-1]), pauses[-1]]
    assert max(pauses) == 10
    assert 25 < len(pauses) < 35
    assert isinstance(item, c.Outcome)
    assert item.dead is not None
    assert item.dead.reason.startswith("NotRegistered")
    assert round(now - NOW) == 120


def test_a_dead_letter_of_an_unknown_task_is_parked_anew_when_it_is_replayed():
    raw = parked(message("nobody.knows"), NOW).raw
    assert raw is not None
    ended = intake.sort(claim(raw), {}, NOW + 400, intake.Rules())
    assert isinstance(ended, c.Outcome)
    assert ended.dead is not None
    again = parked(ended.dead.raw, NOW + 1000)
    assert again.raw is not None
    assert wire.read_headers(again.raw).parked == NOW + 1000


def test_a_parked_task_runs_where_it_is_known():
    raw = parked(message("here"), NOW).raw
    assert raw is not None
    assert isinstance(intake.sort(claim(raw), {"here": TaskSpec()}, NOW + 1), HeldClaim)


def test_a_clock_that_goes_back_parks_for_another_while():
    raw = parked(message("nobody.knows"), NOW).raw
    assert raw is not None
    assert round(parked(raw, NOW - 500).due / 1000 - (NOW - 500)) == 1


def test_a_timeout_of_zero_fails_at_once():
    assert isinstance(intake.sort(claim(message("x")), {}, NOW, intake.Rules(unknown_seconds=0)), c.Outcome)


@pytest.mark.slow
def test_a_new_worker_takes_what_an_old_one_does_not_know(scene: Scene):
    (scene.folder / "old.py").write_text(OLD_APP)
    old = scene.ready_worker(1, app="old", environment={"TEST_UNKNOWN": "300"})
    result = scene.send("quick", 7)
    wait_until(lambda: old.said("is not known here"), 10, "word of the parking")
    scene.ready_worker(1)
    assert result.get(timeout=20) == 7
    assert gather(scene.send_many("quick", [(number,) for number in range(20)]), timeout=40) == list(range(20))
    lines = re.findall(rf"quick\[{result.id}\] is not known here", old.log.read_text())
    assert len(lines) == 1, "once for each task"


@pytest.mark.slow
def test_a_task_nobody_knows_fails_after_its_time(scene: Scene):
    (scene.folder / "old.py").write_text(OLD_APP)
    scene.ready_worker(1, app="old", environment={"TEST_UNKNOWN": "1.5"})
    sent = time.monotonic()
    result = scene.send("nobody.knows")
    assert scene.send("known").get(timeout=10) == "old"
    with pytest.raises(NotRegistered, match=r"nobody\.knows"):
        result.get(timeout=20)
    assert time.monotonic() - sent > 1.4
    (letter,) = scene.app.store.run(c.DeadLetters())
    assert (letter.id, letter.reason.partition(":")[0]) == (result.id, "NotRegistered")


def test_an_app_without_tasks_parks_and_refuses_like_any_other():
    app = Celeriac("none", broker="memory://", task_unknown_timeout=0.0)
    with app, start_worker(app), pytest.raises(NotRegistered):
        app.send_task("nobody.knows").get(timeout=10)


def test_a_member_of_celerys_chord_waits_for_a_worker_that_completes_chords(scene: Scene) -> None:
    body: dict[str, Any] = {
        "task": "quick",
        "args": [],
        "kwargs": {},
        "options": {},
        "subtask_type": None,
        "immutable": False,
    }
    worker = scene.ready_worker(1, environment={"TEST_SETTINGS": '{"task_unknown_timeout": 3}'})
    (id,) = scene.app.sender.send([Call(task="quick", args=(1,), embed={"chord": body})])
    wait_until(lambda: scene.app.store.run(c.ReadDelayed((id,)))[0] is not None, 10, "member among the delayed")
    assert scene.app.AsyncResult(id).explain().status == "parked"
    wait_until(lambda: worker.said("is part of a chord"), 5, "word of the chord")
    with pytest.raises(NotRegistered):
        scene.app.AsyncResult(id).get(timeout=15)
    assert scene.ledger.starts() == []
    (letter,) = scene.app.store.run(c.DeadLetters())
    assert (letter.id, letter.cause) == (id, c.Cause.UNKNOWN)
    assert worker.stop() == 0
