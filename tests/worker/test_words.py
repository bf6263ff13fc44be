"""What running tasks say of themselves reaches whoever reads, and nobody else's result."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from celeriac import Celeriac
from celeriac.calls.progress import Progress
from celeriac.exceptions import Ignore, ResultTooLarge
from celeriac.stores import contract as c
from celeriac.worker.processes.inprocess import InProcessWorker
from tests.worker.ledger import wait_until
from tests.worker.scene import Scene, open_gate

SECONDS = 20


@pytest.fixture
def app(on_each_store: Celeriac) -> Celeriac:
    return on_each_store


def test_states_of_its_own_are_seen_while_it_runs(app):
    go_on = threading.Event()

    @app.task(bind=True, name="speaks")
    def speaks(self):
        self.update_state(state="LOADING", meta={"step": 1})
        go_on.wait(SECONDS)
        return "done"

    with InProcessWorker(app):
        result = speaks.delay()
        wait_until(lambda: result.state == "LOADING", SECONDS, "the state")
        assert (result.info, result.ready(), result.progress) == ({"step": 1}, False, None)
        go_on.set()
        assert result.get(SECONDS) == "done"
        assert (result.state, result.progress) == ("SUCCESS", None)


def test_coroutines_say_so_too_each_of_itself(app):
    go_on = threading.Event()

    @app.task(bind=True, name="speaks")
    async def speaks(self, number):
        self.progress(number, 10, f"at {number}")
        await asyncio.to_thread(go_on.wait, SECONDS)

    with InProcessWorker(app):
        results = [speaks.delay(number) for number in range(5)]
        wait_until(lambda: all(result.progress for result in results), SECONDS, "progress of all")
        assert [result.progress for result in results] == [Progress(number, 10, f"at {number}") for number in range(5)]
        assert results[3].info["percent"] == 30.0
        go_on.set()
        for result in results:
            assert result.get(SECONDS) is None


def test_ignore_leaves_the_last_word(app):
    @app.task(bind=True, name="manual")
    def manual(self):
        self.update_state(state="FAILURE", meta=KeyError("by hand"))
        raise Ignore

    with InProcessWorker(app), pytest.raises(KeyError, match="by hand"):
        manual.delay().get(SECONDS)


def test_a_tight_loop_costs_next_to_nothing(app):
    @app.task(bind=True, name="loops")
    def loops(self):
        began = time.perf_counter()
        for number in range(100_000):
            self.progress(number, 100_000)
        return time.perf_counter() - began

    with InProcessWorker(app):
        assert loops.delay().get(SECONDS * 2) < 5


def test_what_is_too_large_or_cannot_be_written_fails_the_task(app):
    @app.task(bind=True, name="says")
    def says(self, size):
        self.update_state(state="BIG", meta="x" * size if size else object())

    with InProcessWorker(app):
        with pytest.raises(ResultTooLarge):
            says.delay(10_000_000).get(SECONDS)
        with pytest.raises(Exception, match="object"):
            says.delay(0).get(SECONDS)


def test_outside_a_worker_it_has_no_effect(app):
    @app.task(bind=True, name="says")
    def says(self):
        self.update_state(state="X")
        self.progress(1, 2)
        return 1

    assert says() == 1


@pytest.mark.slow
@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_children_of_every_pool_are_heard(any_scene: Scene, pool: str) -> None:
    gate = any_scene.new_gate()
    any_scene.worker("-c", "1", "-P", pool)
    result = any_scene.send("speak", 7, str(gate))
    wait_until(lambda: result.progress is not None, SECONDS, "progress")
    assert result.progress == Progress(1, 2, "number 7")
    open_gate(gate)
    assert result.get(timeout=SECONDS) == 7


def test_who_has_lost_the_lease_changes_nothing(app):
    """A claim that is no longer held is what the fence is about: the word comes with the claim's id."""
    app.store.run(c.OpenLease(lease := c.Lease("w", "epoch"), c.WorkerRecord()))
    app.store.run(c.Enqueue((c.Message("t1", "q", b"{}"),)))
    (claim,) = app.store.run(c.Finish(lease, queues=("q",), count=1, first=1)).claims
    final = b'{"status":"SUCCESS","result":1}'
    app.store.run(c.Finish(lease, (c.Outcome(claim.id, "t1", final),), first=5))
    lost = app.store.run(c.Start(lease, (c.StartItem(claim.id, "t1", b'{"status":"PROGRESS"}'),))).lost
    assert (lost, app.store.run(c.ReadResults(("t1",)))) == ((claim.id,), (final,))
