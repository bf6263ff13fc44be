"""What real workers write into dead letters when processes die."""

from __future__ import annotations

import pytest

from celeriac.stores import contract as c
from tests.worker.ledger import wait_until

pytestmark = pytest.mark.slow


def test_a_task_that_kills_its_child_leaves_signal_and_memory_and_can_be_replayed(scene):
    scene.ready_worker(1)
    result = scene.send("die", 1)
    wait_until(lambda: scene.app.dead.list() != [], 40, "dead letter")
    (letter,) = scene.app.dead.list()
    assert (letter.id, letter.cause, letter.signal) == (result.id, c.Cause.CRASHED, "SIGKILL")
    assert letter.memory > 1 << 20
    assert (letter.error, letter.task, letter.queue) == ("WorkerLostError", "die", "celery")
    assert letter.worker.startswith("w0")
    assert len(letter.attempts) == 3
    assert scene.app.dead.replay(letter.id)
    # It begins anew, with all its crashes before it, and comes to the same end.
    wait_until(lambda: [again.number > letter.number for again in scene.app.dead.list()] == [True], 40, "second death")
    assert len(scene.app.dead.list()[0].attempts) == 3
